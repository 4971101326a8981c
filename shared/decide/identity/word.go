package identity

import (
	"slices"
	"strings"
)

// set makes a look-up of folded words.
func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[Fold(w)] = true
	}
	return m
}

// folded makes a look-up of folded words that lead to others.
func folded(words map[string]string) map[string]string {
	m := make(map[string]string, len(words))
	for from, to := range words {
		m[Fold(from)] = Fold(to)
	}
	return m
}

// Words in their folded form. Nobody changes them.
var (
	titles = set("dr", "prof", "professor", "dipl", "ing", "mag", "med", "phil", "rer", "nat", "jur", "herr", "frau", "mr", "mrs", "ms", "sir", "mba", "msc", "bsc", "phd",
		"jr", "sr", "ra", "rain")
	particles = set("von", "vom", "van", "zu", "zum", "zur", "der", "den", "dem", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "ter", "ten", "el", "al", "bin", "ibn")
	companies = set("gmbh", "mbh", "ag", "ug", "kg", "ohg", "gbr", "ev", "eg", "ltd", "limited", "inc", "llc", "plc", "corp", "sarl", "sas", "bv", "team", "official",
		"offiziell", "store", "shop", "news", "magazin", "magazine", "verein", "redaktion", "stadtwerke", "hotel", "restaurant", "praxis", "kanzlei", "agentur", "studio",
		"service", "support", "kundenservice", "gruppe", "group", "company", "backerei", "autohaus", "apotheke")
	mockery = set("parody", "parodie", "satire", "fake", "fan", "fans", "fanpage", "fanaccount", "fanclub", "inoffiziell", "unofficial", "inoffizieller", "inoffizielle",
		"tribute", "roleplay", "rpg", "spoof", "nichtecht", "notreal")
	legal = set("gmbh", "mbh", "ag", "ug", "kg", "co", "ohg", "gbr", "ev", "eg", "se", "ltd", "limited", "inc", "llc", "plc", "corp", "sarl", "sas", "sa", "bv", "nv", "the", "und", "and")
)

// nicknames lead to the full form.
var nicknames = folded(map[string]string{
	"tom": "thomas", "tommy": "thomas", "thommy": "thomas", "kathi": "katharina", "kati": "katharina", "kathrin": "katharina", "katrin": "katharina", "kate": "katharina",
	"katherine": "katharina", "catherine": "katharina", "max": "maximilian", "maxi": "maximilian", "alex": "alexander", "sascha": "alexander", "sasha": "alexander",
	"steffi": "stefanie", "stephanie": "stefanie", "stephan": "stefan", "steven": "stefan", "steve": "stefan", "stephen": "stefan", "steffen": "stefan",
	"andi": "andreas", "andy": "andreas", "mike": "michael", "michi": "michael", "micha": "michael", "mick": "michael", "chris": "christian", "basti": "sebastian",
	"matze": "matthias", "mathias": "matthias", "matthew": "matthias", "matt": "matthias", "uli": "ulrich", "ulli": "ulrich", "wolle": "wolfgang", "wolf": "wolfgang",
	"hansi": "johannes", "hans": "johannes", "johann": "johannes", "jo": "johannes", "hannes": "johannes", "john": "johannes", "johnny": "johannes",
	"sepp": "josef", "joseph": "josef", "joe": "josef", "jupp": "josef", "toni": "anton", "tony": "anton", "anthony": "anton", "flo": "florian", "gabi": "gabriele",
	"gaby": "gabriele", "susi": "susanne", "susan": "susanne", "suse": "susanne", "moni": "monika", "monica": "monika", "uschi": "ursula", "ulla": "ursula",
	"betti": "elisabeth", "elizabeth": "elisabeth", "lisa": "elisabeth", "lisbeth": "elisabeth", "liz": "elisabeth", "beth": "elisabeth", "sissi": "elisabeth",
	"evi": "eva", "eve": "eva", "jule": "julia", "jules": "julia", "julie": "julia", "leni": "magdalena", "lena": "magdalena", "tina": "christina",
	"kristina": "christina", "christine": "christina", "kerstin": "christina", "manu": "manuela", "conny": "cornelia", "caro": "carolin", "caroline": "carolin",
	"karolin": "carolin", "nico": "nikolaus", "nicolas": "nikolaus", "nick": "nikolaus", "klaus": "nikolaus", "claus": "nikolaus", "niko": "nikolaus", "dani": "daniel", "dan": "daniel",
	"ben": "benjamin", "bennie": "benjamin", "sam": "samuel", "will": "wilhelm", "willi": "wilhelm", "willy": "wilhelm", "william": "wilhelm", "bill": "wilhelm",
	"bob": "robert", "rob": "robert", "robbie": "robert", "dick": "richard", "rick": "richard", "ricky": "richard", "peggy": "margarete", "greta": "margarete",
	"margaret": "margarete", "gretel": "margarete", "jim": "jakob", "jimmy": "jakob", "james": "jakob", "jacob": "jakob", "fritz": "friedrich", "frederick": "friedrich",
	"fred": "friedrich", "heinz": "heinrich", "henry": "heinrich", "harry": "heinrich", "heiner": "heinrich", "gerd": "gerhard", "gert": "gerhard", "manni": "manfred",
	"charly": "karl", "charlie": "karl", "carl": "karl", "charles": "karl", "jurg": "georg", "george": "georg", "schorsch": "georg", "phil": "philipp", "philip": "philipp",
	"phillip": "philipp", "lukas": "lucas", "luke": "lucas", "marc": "markus", "marcus": "markus", "mark": "markus", "tobi": "tobias", "toby": "tobias", "jenny": "jennifer",
	"jen": "jennifer", "bea": "beate", "pete": "peter", "vicky": "viktoria", "victoria": "viktoria", "ed": "eduard", "edward": "eduard", "eddie": "eduard", "ted": "theodor",
	"theo": "theodor", "lexi": "alexandra", "ina": "regina", "gina": "regina", "rosi": "rosemarie",
})

// countries lead from how people write a country to its code.
var countries = folded(map[string]string{"deutschland": "de", "germany": "de", "de": "de", "ger": "de", "allemagne": "de", "osterreich": "at", "austria": "at", "at": "at",
	"schweiz": "ch", "switzerland": "ch", "suisse": "ch", "ch": "ch", "uk": "gb", "gb": "gb", "england": "gb", "scotland": "gb", "united kingdom": "gb", "usa": "us", "us": "us",
	"united states": "us", "frankreich": "fr", "france": "fr", "fr": "fr", "spanien": "es", "spain": "es", "espana": "es", "es": "es", "italien": "it", "italy": "it",
	"italia": "it", "it": "it", "niederlande": "nl", "netherlands": "nl", "nederland": "nl", "nl": "nl", "belgien": "be", "belgium": "be", "be": "be", "polen": "pl",
	"poland": "pl", "pl": "pl", "danemark": "dk", "denmark": "dk", "dk": "dk", "kanada": "ca", "canada": "ca", "ca": "ca", "irland": "ie", "ireland": "ie", "ie": "ie"})

// named holds given names that many have, in their full forms.
var named = func() map[string]bool {
	m := set("anna", "laura", "sarah", "maria", "petra", "claudia", "birgit", "heike", "sabine", "martina", "emma", "mia", "hannah", "sophie", "lea", "marie", "emily",
		"sophia", "jessica", "vanessa", "nadine", "melanie", "anja", "silke", "andrea", "barbara", "karin", "renate", "ingrid", "helga", "hannelore", "martin", "jan", "felix",
		"jonas", "leon", "paul", "tim", "kevin", "dennis", "marcel", "patrick", "oliver", "ralf", "jens", "dirk", "torsten", "frank", "bernd", "dieter", "werner",
		"helmut", "gunter", "horst", "jurgen", "rainer", "simon", "david", "fabian", "dominik", "moritz", "emil", "oskar", "noah", "elias", "finn", "oliver", "linda", "mary",
		"patricia", "nancy", "karen", "emily", "amanda", "donald", "kenneth", "brian", "kevin", "jason", "ryan", "eric", "mehmet", "ahmed", "ali", "fatma", "ayse", "marco", "soren", "jorg", "bjorn", "jakub", "agnieszka", "olivia", "grace", "zoe", "giulia", "johanna", "nicole")
	for _, full := range nicknames {
		m[full] = true
	}
	return m
}()

// others are words by which people say that they write for somebody else, or tell somebody else's address.
var others = [...]string{"für mein", "fuer mein", "im namen", "im auftrag", "stellvertretend", "ihre e-mail", "ihre mail", "ihre nummer", "ihre kundennummer", "seine e-mail", "seine mail",
	"seine nummer", "seine kundennummer", "meiner mutter", "meines vaters", "meiner frau", "meines mannes", "meiner oma", "meines opas", "meiner tochter", "meines sohnes",
	"meiner chefin", "meines chefs", "meiner kollegin", "meines kollegen", "for my ", "on behalf", "her email", "his email", "her e-mail", "his e-mail", "her number", "his number",
	"my mother's", "my father's", "my wife's", "my husband's", "my boss"}

// ForOthers tells whether a text says that what stands in it is somebody else's.
func ForOthers(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(others[:], func(w string) bool { return strings.Contains(text, w) })
}
