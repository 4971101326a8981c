package score

import "strings"

// role reads the profession out of the bio: whose word others pass on by trade.
func role(bio string) (float64, string) {
	if bio == "" {
		return 0, "no bio"
	}
	bio = plain(bio)
	group, word := len(roles), 0
	for i := range bio {
		if i > 0 && bio[i-1] != ' ' {
			continue
		}
		for _, r := range rolesBy[bio[i]] {
			if (r.group < group || r.group == group && r.word < word) && strings.HasPrefix(bio[i:], roles[r.group].words[r.word]) {
				group, word = r.group, r.word
			}
		}
	}
	if group == len(roles) {
		return 0, "no professional role in the bio"
	}
	g := roles[group]
	return g.share, "“" + strings.TrimSpace(g.words[word]) + "” in the bio: " + g.say
}

// plain gives a bio in lower case, with spaces for all that parts words, and one at its end.
func plain(bio string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ',', '.', ';', ':', '|', '/', '(', ')', '•', '·', '-', '–', '\n', '\t', '@', '#', '*', '_':
			return ' '
		}
		return r
	}, strings.ToLower(bio)) + " "
}

type roleWord struct{ group, word int }

// rolesBy has the words of roles by their first byte.
var rolesBy = func() (by [256][]roleWord) {
	for g := range roles {
		for w, word := range roles[g].words {
			by[word[0]] = append(by[word[0]], roleWord{g, w})
		}
	}
	return by
}()

// roles are words of professions, the weightiest first. A word that ends without space also begins longer ones.
var roles = [...]struct {
	share float64
	say   string
	words []string
}{
	{1, "media", []string{"journalist", "redakteur", "redaktion", "reporter", "chefredakt", "editor in chief", "news editor", "moderator", "news anchor", "korrespondent", "correspondent", "podcaster", "podcast host"}},
	{0.8, "public office or research", []string{"minister", "abgeordnet", "member of parliament", "mdb ", "mdl ", "bürgermeister", "stadtrat", "professor", "prof ", "researcher", "wissenschaftler", "verbraucherschutz", "consumer rights"}},
	{0.7, "leads a company", []string{"founder", "gründer", "co founder", "cofounder", "ceo ", "cto ", "cfo ", "coo ", "cmo ", "geschäftsführ", "vorstand", "managing director", "inhaber", "owner of"}},
	{0.6, "speaks to many", []string{"autor", "author", "blogger", "creator", "speaker", "youtuber", "streamer", "influencer", "columnist", "kolumnist"}},
	{0.5, "leads a department", []string{"head of", "leiter", "director", "vp ", "vice president", "bereichsleit", "einkaufsleit", "abteilungsleit"}},
	{0.3, "advises by trade", []string{"consultant", "berater", "analyst", "architect", "architekt", "trainer", "coach", "engineer", "ingenieur", "lehrer", "teacher"}},
}
