package console

// germanTemplate is the German of the page of templates and of where they are offered.
var germanTemplate = map[string]string{
	"A person starts an answer from these texts; nothing of them is sent by itself, unless a rule says so. What you change here goes into the draft.": "Mit diesen Texten beginnt jemand eine Antwort; von selbst wird nichts davon gesendet, außer eine Regel sagt es. Was du hier änderst, kommt in den Entwurf.",
	"Texts to start an answer from, per action and language.": "Texte, mit denen eine Antwort beginnt, je Schritt und Sprache.", "somebody made up": "jemand Erdachtes", "your own": "eigener Text", "built in": "eingebaut",
	"Another language": "Eine weitere Sprache", "Where people reach you in private": "Wo man euch privat erreicht", "Address": "Adresse", "What that way is called": "Wie dieser Weg heißt", "What can stand in braces": "Was in geschweiften Klammern stehen kann",
	"A part in [square brackets] is left out where one of its values is missing; elsewhere the whole sentence is. A backslash before a bracket or a brace makes it a plain sign.": "Ein Teil in [eckigen Klammern] entfällt, wo einer seiner Werte fehlt; sonst entfällt der ganze Satz. Ein Backslash vor einer Klammer macht sie zu einem gewöhnlichen Zeichen.",
	"too long for {0}: {1} of {2} {3}": "zu lang für {0}: {1} von {2} {3}", "left out, for nothing is known for it:": "entfällt, weil nichts dafür bekannt ist:", "Start from:": "Beginnen mit:", "Start an answer": "Antwort beginnen",
	"reply_public": "öffentlich antworten", "move_to_private": "ins Private bitten", "call_back": "zurückrufen", "open_case": "Fall eröffnen", "thank": "danken", "invite_advocate": "um Weiterempfehlung bitten", "ask_to_identify": "um Kennung bitten",
	"the author's name as it is shown; missing where it does not look like one, and in public where the brand's profile holds names back": "der Name des Autors, wie er gezeigt wird; fehlt, wo er nicht wie einer aussieht, und öffentlich, wo das Profil der Marke Namen zurückhält",
	"the author's handle, with @; in public as the name": "der Nutzername des Autors, mit @; öffentlich wie der Name", "the brand's title": "der Titel der Marke", "whoever answers": "wer antwortet", "number of the case in the CRM": "Nummer des Falls im CRM",
	"the brand's contact.link: where people reach it in private": "contact.link der Marke: wo man sie privat erreicht", "the brand's contact.channel in the text's language: what that way is called": "contact.channel der Marke in der Sprache des Textes: wie dieser Weg heißt",
	"the network where it was said": "das Netzwerk, in dem es gesagt wurde",
}
