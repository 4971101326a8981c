package console

// germanNext is the German of the next action.
var germanNext = map[string]string{
	"Text to start from": "Text zum Anfangen",
	"why":                "warum", "runner_up": "zweitbester Schritt", "department": "Abteilung", "priority": "Priorität", "due": "fällig", "forbidden": "verboten",
	"reply_public": "öffentlich antworten", "move_to_private": "ins Private bitten", "call_back": "zurückrufen", "open_case": "Fall anlegen", "send_to_sales": "an den Vertrieb geben",
	"thank": "danken", "invite_advocate": "um Empfehlung bitten", "ask_to_identify": "nach Kundennummer fragen", "hide_spam": "Spam verbergen", "watch": "beobachten", "escalate_crisis": "Krisenstab wecken",
	"no_action": "nichts tun",
}
