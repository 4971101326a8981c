package console

// germanNext is the German of the next action.
var germanNext = map[string]string{
	"Text to start from": "Text zum Anfangen",
	"why":                "warum", "runner_up": "zweitbester Schritt", "department": "Abteilung", "priority": "Priorität", "due": "fällig", "forbidden": "verboten",
	"send_to_sales": "an den Vertrieb geben",
	"hide_spam":     "Spam verbergen", "watch": "beobachten", "escalate_crisis": "Krisenstab wecken",
	"no_action": "nichts tun",
}
