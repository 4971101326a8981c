package console

// germanReview is the German of the review list and of merging.
var germanReview = map[string]string{
	"Links that only look likely. Nobody is linked until you say so. Keys: a accepts, r rejects, m merges, j and k move.": "Verknüpfungen, die nur wahrscheinlich aussehen. Niemand wird verknüpft, bevor du es sagst. Tasten: a nimmt an, r lehnt ab, m führt zusammen, j und k blättern.",
	"Merge": "Zusammenführen", "Linked so far to": "Bisher verknüpft mit", "What speaks for and against it; each bit doubles the odds.": "Was dafür und dagegen spricht; jedes Bit verdoppelt die Chancen.",
	"What": "Was", "how likely": "Wahrscheinlichkeit", "{0} more wait.": "{0} weitere warten.", "Unlink": "Lösen", "One person, two ids": "Eine Person, zwei Ids", "Undo the merge": "Zusammenführung rückgängig machen",
	"Id of the other person; this one stays": "Id der anderen Person; diese hier bleibt", "The two become one person": "Die beiden werden eine Person", "The merge is being undone": "Die Zusammenführung wird rückgängig gemacht",
	"Unlinked; it is not suggested again": "Gelöst; es wird nicht wieder vorgeschlagen",
}
