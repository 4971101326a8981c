package language

import "unicode"

// codes are the languages told apart by words, in the order of the tables below.
var codes = [...]string{"de", "en", "fr", "es", "it", "nl"}

// scripts are told by their letters alone. Scripts that many languages share give und.
var scripts = [...]struct {
	code  string
	table *unicode.RangeTable
}{
	{Und, unicode.Cyrillic}, {Und, unicode.Arabic}, {Und, unicode.Han}, {"ja", unicode.Hiragana}, {"ja", unicode.Katakana},
	{"ko", unicode.Hangul}, {"el", unicode.Greek}, {"he", unicode.Hebrew}, {"th", unicode.Thai}, {Und, unicode.Devanagari},
}

// everyday are the words that nearly every sentence has.
var everyday = [len(codes)]string{
	`der die das den dem des ein eine einen einem einer eines kein keine keinen keiner und oder aber denn weil dass daß ob wenn als wie
	ist sind war waren bin bist seid sein hat habe haben hatte hatten hast habt wird werden wurde wurden worden würde würden
	kann können könnt könnte könnten muss müssen musste soll sollte will wollen wollte möchte mag darf nicht nichts nie noch nur
	auch schon sehr mehr immer wieder hier da dort jetzt heute gestern morgen ich du er sie es wir ihr mich mir dich dir ihn ihm
	uns euch ihnen mein meine meinen meiner meinem dein deine sein seine unser unsere unseren euer eure euren eurem eurer ihre ihrem ihren
	von vom zu zum zur bei beim mit nach aus seit für auf an am im in über unter vor hinter zwischen durch gegen ohne um bis
	was wer wo wann warum wieso weshalb welche welcher welches dieser diese dieses diesen diesem jede jeder jedes alle alles man sich so dann doch mal
	ja nein bitte danke gibt gibts geht gehts ganz gar wohl eigentlich leider endlich halt eben einfach viel viele
	net ned nöd nit nix isch is i ich's hob ham gsi hät mer miar oida eh mei mia uf bi het öb wos koa a`,
	`the a an and or but because that if when as than is are was were am be been being have has had having will would can could may might
	must shall should do does did don doesn didn isn wasn aren won wouldn couldn haven hasn not no nothing never only also already very more most always again
	here there now today yesterday tomorrow i you he she it we they me him her us them my your his its our their mine yours
	of to from with at by for on in into over under before after between through against without about until up out off
	what who where when why how which this these that those every each all any some just so then too much many
	yes please thanks thank get got gets there's it's i'm i've you're can't s t ve re ll m`,
	`le la les un une des du de et ou mais car que qui quoi dont où quand comme si est sont était étaient suis es êtes sommes être a ai as avons avez ont avait
	avoir sera serait peut peux pouvez peuvent doit faut fait faire ne pas plus rien jamais encore aussi déjà très toujours ici là maintenant hier demain aujourd hui
	je tu il elle nous vous ils elles me te se lui leur mon ma mes ton ta tes son sa ses notre nos votre vos leurs
	à au aux en dans sur sous avec sans pour par chez vers entre depuis pendant après avant ce cet cette ces c j l d n s qu t m
	oui non merci bonjour svp plaît pourquoi comment combien quel quelle tout tous toute toutes aucun aucune bien trop peu`,
	`el la los las un una unos unas y o pero porque que quien qué quién donde dónde cuando cuándo como cómo si es son era eran soy eres somos ser está están estoy
	estaba estar he ha has han hemos haber había hay será sería puede puedo pueden debe no nada nunca más muy también ya siempre aquí ahora hoy ayer mañana
	yo tú él ella nosotros vosotros ellos ustedes me te se le les nos os mi mis tu tus su sus nuestro nuestra vuestro
	de del a al en con sin por para sobre entre desde hasta después antes este esta estos estas ese esa eso esto todo todos toda todas
	sí gracias hola favor cuánto cuál llevo tengo tiene tienen hace hacer bien mal mucho poco`,
	`il lo la i gli le un uno una e ed o ma perché che chi cosa dove quando come se è sono era erano sei siamo siete essere ho hai ha abbiamo avete hanno
	avere aveva sarà sarebbe può posso possono deve non niente nulla mai più molto anche già sempre qui ora adesso oggi ieri domani
	io tu lui lei noi voi loro mi ti si ci vi mio mia miei mie tuo tua suo sua nostro nostra vostro vostra
	di del della dei delle dello degli a al alla ai alle da dal dalla in nel nella nei con su sul sulla per tra fra senza dopo prima
	questo questa questi queste quello quella tutto tutti tutta sì no grazie ciao prego quanto quale c l d un' ogni bene davvero ancora fa`,
	`de het een en of maar want dat die als wie wat waar wanneer waarom hoe is zijn was waren ben bent wordt worden werd heb hebt heeft hebben had hadden
	kan kunnen kunt moet moeten mag zal zou wil willen niet niets nooit nog ook al zeer heel meer altijd weer hier daar nu vandaag gisteren morgen
	ik jij je hij zij ze wij we jullie u mij me hem haar ons hun mijn jouw zijn uw onze
	van naar met voor op in aan uit bij door over onder tegen zonder tot tussen na sinds om te er deze dit elke alle alles
	ja nee bedankt dank graag geen gewoon echt toch wel even al`,
}

// content are words that customers use and that one language alone has; they help where a text is short.
var content = [len(codes)]string{
	`frage rechnung bestellung lieferung paket antwort kunde kunden kundenservice vertrag kündigung störung problem schlecht gut toll schön kaputt
	frechheit unverschämt zufrieden freundlich pünktlich verspätung wochen tage stunden jahre hallo moin servus guten tag tschüss lecker billig teuer
	geld nummer telefon bahn zug bus fahrer laden haus wohnung strom netz handy gerät preis angebot termin werkstatt öffnungszeiten`,
	`question bill invoice order delivery parcel package answer customer contract cancel broken bad good great awful terrible
	disgrace happy friendly late delay delayed weeks days hours years hello money number phone train driver shop store house power network price offer
	waiting working works need want love hate help fix still ever best worst new people time`,
	`facture commande livraison colis réponse client contrat panne mauvais bon belle beau cassé honte gentil retard semaines jours heures bagage vol
	prix rendez-vous numéro téléphone magasin hôtel chambre annulé explication accueil`,
	`factura pedido entrega paquete respuesta cliente contrato avería malo bueno hermoso roto vergüenza amable retraso semanas días horas maleta vuelo
	precio cita número teléfono tienda habitación cancelado personal`,
	`fattura ordine consegna pacco risposta cliente contratto guasto cattivo buono bello rotto vergogna gentile ritardo settimane giorni ore bagaglio volo
	prezzo appuntamento numero telefono negozio albergo camera annullato personale puntuale cordiale equipaggio`,
	`rekening bestelling levering pakket pakketje antwoord klant klantenservice contract storing slecht goed mooi kapot schande vriendelijk vertraging weken dagen uren
	prijs afspraak nummer telefoon winkel kamer geannuleerd bezorgd inbegrepen ontbijt heerlijk lekker`,
}
