package privacy

// rights is what is kept so that people's rights are honoured.
func rights() []Type {
	return []Type{
		kind("pipeline.TombRow", "a tombstone, under a hash: what is gone does not come back", "ein Sperrvermerk unter einem Hashwert: was gelöscht ist, kehrt nicht zurück",
			is(Operational, Nobody, Proof, "at kind why report")),
		kind("pipeline.AccessRow", "a part of an answer to a request for access, encrypted, or about whom such an answer is", "ein Teil einer Auskunft, verschlüsselt, oder über wen eine Auskunft ist",
			is(Identifier, Authors, Proof, "authors"), is(Identifier, Persons, Proof, "person"), is(Content, Authors, Proof, "sealed")),
		kind("pipeline.ErasureRow", "the report of an erasure, and its hash", "der Bericht einer Löschung und sein Hashwert",
			is(Operational, Nobody, Proof, "hash"), parts("report")),
		kind("pipeline.ErasureReport", "what an erasure removed, what goes later, what it cannot reach", "was eine Löschung entfernte, was später verfällt, was sie nicht erreicht",
			is(Identifier, Authors, Proof, "subjects"), is(Operational, Nobody, Proof, "job reason asked done"), parts("removed later stays proposals")),
		kind("pipeline.ErasureItem", "one line of that report", "eine Zeile dieses Berichts",
			is(Identifier, Persons, Proof, "where"), is(Operational, Nobody, Proof, "what count until")),
		kind("pipeline.Foreign", "a record about a person in a CRM, proposed to a human for deletion", "ein Datensatz über eine Person in einem CRM, einem Menschen zur Löschung vorgeschlagen",
			is(Identifier, Persons, Proof, "account object record")),
		kind("pipeline.HoldRow", "a legal hold: whose traces must stay for now, and why", "eine Aufbewahrungsanordnung: wessen Spuren vorerst bleiben müssen und warum",
			is(Identifier, Authors, Proof, "id authors"), is(Identifier, Persons, Proof, "person"), is(Staff, Workers, Proof, "by"),
			is(Operational, Nobody, Proof, "why at until jobs")),
	}
}
