package topology

import "strings"

// The environment of the functions. What is not said to have a default must be set.
const (
	EnvTable      = "RAPPORT_TABLE"       // name of the table
	EnvArchive    = "RAPPORT_ARCHIVE"     // name of the archive's bucket
	EnvPrefix     = "RAPPORT_PREFIX"      // of the names of queues and functions; default "rapport-"
	EnvQueues     = "RAPPORT_QUEUES"      // address before a queue's name, with the slash; default: asked for
	EnvSecrets    = "RAPPORT_SECRETS"     // "ssm" (default) or "secretsmanager"
	EnvSecretPath = "RAPPORT_SECRET_PATH" // before the name of a secret; default "/" + prefix without its last "-" + "/"
	EnvBase       = "RAPPORT_BASE"        // public address before /hooks/; default: the domain that was called
	EnvStage      = "RAPPORT_STAGE"       // environment whose overlay of the configuration holds; default none
	EnvPrivate    = "RAPPORT_PRIVATE"     // "1": private and loopback addresses may be called, as tests must
	EnvUnits      = "RAPPORT_UNITS"       // "1": each line says what it used of the table, queues, archive and secrets
	EnvLog        = "RAPPORT_LOG"         // lowest level that is logged beside the line of each batch; default "warn"
)

// Prefix is what names begin with where nothing else was chosen.
const Prefix = "rapport-"

// Handler is the one file of a function's package, as the runtime provided.al2023 wants it.
const Handler = "bootstrap"

// Build gives the path of a function's binary below the module's root: `make functions` writes it, the stack packs it.
func Build(function string) string { return "build/" + function + "/" + Handler }

// QueueName gives the name of a lane's queue.
func QueueName(prefix, lane string) string { return prefix + lane }

// DeadName gives the name of the queue of a lane's dead letters.
func DeadName(prefix, lane string) string { return prefix + lane + "-dead" }

// FunctionName gives the name of a function.
func FunctionName(prefix, function string) string { return prefix + function }

// SecretPath gives what the names of secrets begin with: aws:NAME is the parameter SecretPath + NAME.
func SecretPath(prefix string) string { return "/" + strings.TrimSuffix(prefix, "-") + "/" }

// LaneOf gives the lane of a queue by its name or ARN, whatever its prefix; false if there is none.
func LaneOf(name string) (string, bool) {
	name = name[strings.LastIndexByte(name, ':')+1:]
	for _, q := range Queues() {
		if name == q.Name || strings.HasSuffix(name, "-"+q.Name) {
			return q.Name, true
		}
	}
	return "", false
}

// ConsoleParameter names the parameter behind SecretPath that says where people log in to the console, see oidc.Settings.
const ConsoleParameter = "console"

// ConsoleBack is the path of the console to which a log-in's provider sends people back. It is registered there.
const ConsoleBack = "/login/back"
