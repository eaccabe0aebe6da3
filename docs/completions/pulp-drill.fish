# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pulp_drill_global_optspecs
    string join \n h/help V/version
end

function __fish_pulp_drill_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pulp_drill_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pulp_drill_using_subcommand
    set -l cmd (__fish_pulp_drill_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -s V -l version -d 'Print version'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "demo" -d 'See what a drill finds: one sound backup and three broken ones'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "new" -d 'Make a project: profile, scenarios, settings and a CI file'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "run" -d 'Run drills: provision, seed, inject, back up, destroy, restore, verify'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "restore-test" -d 'Test an existing backup: restore it into a throwaway site, verify, measure'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "selftest" -d 'Test the harness: is every fault detected, and nothing else reported?'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "prove-tool" -d 'Test a command that verifies backups: which damage does it let pass?'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "list" -d 'List scenarios'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "init" -d 'Draft a profile from a database and an object store; only reads'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "check" -d 'Validate scenario files without running them'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "schema" -d 'Print the JSON Schema of scenario files, for editors'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "doctor" -d 'Show what is installed and which substrate would be used'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "sweep" -d 'Remove what dead runs left behind'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "site" -d 'Make a database and buckets of your own a site for drills, or take them back'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "explore" -d 'Explore the consistency window in a model: what a restore can give'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "report" -d 'Render a stored run again'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "history" -d 'Keep a ledger of runs, and see when a restore was last proven'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "manifest" -d 'Take an inventory of a live engine, or verify one'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "reconcile" -d 'Compare rows with objects in stores that are in use, without a restore; only reads'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "evidence" -d 'Verify stored runs, or pack one to hand it over'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "keys" -d 'Make keys to sign runs with'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "pdf" -d 'Compare PDFs'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "standin" -d 'Run a stand-in: an engine or an object store for drills'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "generate" -d 'Print shell completions or the man page'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "draw" -d 'Draw the PDF on stdin for a report that is being written, with little memory and time'
complete -c pulp-drill -n "__fish_pulp_drill_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand demo" -l report-dir -d 'Where the run is stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand demo" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand new" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l substrate -d 'Where PostgreSQL and the object store come from' -r -f -a "auto\t'The local one'
local\t'A private PostgreSQL cluster and an S3 server, as child processes'
containers\t'Docker or Podman containers'
external\t'Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l objects -d 'The object store of the local substrate; MinIO is taken from MINIO_BIN, from what `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set' -r -f -a "embedded\t'The one that is part of this program'
minio\t'MinIO'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l postgres -d 'With --substrate containers: PostgreSQL\'s major version, for the official image. Several, separated by commas, give one run each. The default is the version of the client programs' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l postgres-image -d 'With --substrate containers: an image of PostgreSQL that takes the official one\'s variables' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l minio-image -d 'With --substrate containers: an image of MinIO; `make minio-image` builds the default' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l registry -d 'Prefix for the names of default images, for a registry of your own: mirror.example/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l engine -d 'The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is the command that the profile has under `start`, else the stand-in' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l ready-within -d 'How long the engine may take to report that it is ready' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l defect -d 'Give the stand-in engine a defect, to see that the drill detects it; may be repeated' -r -f -a "fail-open\t'Renders a placeholder instead of refusing a missing binary'
stale-cache\t'Serves binaries from a cache on disk, also when the store lost or changed them'
wrong-code\t'Refuses a missing binary with another code'
wrong-status\t'Refuses a missing binary with the right code and status 500'
partial-pdf\t'Refuses a missing binary with some bytes of a PDF as the body'
truncated-pdf\t'Cuts every PDF in half and answers 200'
nondeterministic\t'Shows another text in every render'
refuses-present\t'Refuses assets that are there'
wrong-reason\t'Answers "missing" when the store cannot be reached or denies access'
forgets-schedules\t'Forgets at start when schedules run next'
hides-dead-letters\t'Does not list dead letters from before its start'
admits-archived\t'Lets in archived tenants from before its start'
skips-missed-runs\t'Never makes the runs of schedules that were due while it was down'
repeats-missed-runs\t'Makes the runs of schedules that were due while it was down twice'
forgets-unfinished-jobs\t'Leaves batch jobs that a start finds in progress as they are'
swallows-upload\t'Answers 201 to an upload whose binary it never stored'
wrong-asset\t'Embeds another asset\'s binary'
lies-ready\t'Reports that it is ready although the store cannot be reached'
old-version\t'Renders the version before the asked one'
alters-uploads\t'Changes the last byte of every upload below 64 KiB before it is stored and recorded'
loses-tenth-upload\t'Answers 201 to every tenth upload since its start and keeps nothing of it'
lists-first-page\t'Lists no more than four assets, and counts no more'
forgets-audit\t'Forgets the oldest audit event at start'
ignores-deletes\t'Answers 204 to the deletion of an asset and deletes nothing'
truncates-downloads\t'Hands out the first half of a binary; renders have all of it'
shortens-large\t'Hands out no more than the first MiB of a binary; renders have all of it'
renames-templates\t'Shows every template of the list under another name'
undeletes-later\t'Undoes a deletion after its event was listed twice in the audit trail'
exits-at-start\t'Ends at its start with an error'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l report-dir -d 'Where runs are stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -s j -l jobs -d 'How many scenarios run in parallel; the default is the number of cores' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l golden -d 'Known-good PDFs as DIR/<seed>/<template>.pdf. The default is those of the seeds for the stand-in, and for other engines what they render before the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l sign-key -d 'Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l env-file -d 'With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the environment' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l i-understand-this-destroys -d 'With --engine url: the name of the database that may be destroyed, with the engine\'s bucket; with --substrate external: a bucket of a store without tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l filter -d 'Only scenarios whose id contains TEXT' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l partition -d 'Only one part of the scenarios, to divide them among machines: `2/3` is the second of three. Join the runs with `pulp-drill report merge`' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l budgets -d 'A file with budgets (rto, rpo: 15m, 24h): over budget is a failure, unmeasured is unknown' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l seed -d 'The seed of every choice; a run prints its own' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l format -d 'What to print on stdout at the end' -r -f -a "human\t'A table of scenarios'
json\t'The run\'s record'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l ping -d 'Ping a dead man\'s switch such as healthchecks.io: URL/start at the start, URL where the exit code is 0, URL/fail otherwise' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l webhook -d 'POST the result of each run as JSON; PULP_DRILL_WEBHOOK_SECRET may hold a secret that signs it' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l keep -d 'Leave the sites running for inspection, and print how to connect; `pulp-drill sweep --kept` removes them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -s v -l verbose -d 'Also print notes and advice of drills that passed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -l fail-fast -d 'Stop after the first scenario that fails'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l dump -d 'The dump: a file of pg_dump in any format, also compressed, a folder in directory format, or s3://bucket/key' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l physical -d 'A base backup: a folder of pg_basebackup in plain or tar format' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l pgbackrest -d 'A repository of pgBackRest: its folder, or a pgbackrest.conf that names it' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l stanza -d 'The stanza of the repository' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l wal-g -d 'The folder that WAL-G stores in (WALG_FILE_PREFIX)' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l wal -d 'Archived WAL for a base backup: a folder of segments, also compressed' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l database -d 'The database to test, if several of a physical backup or of a pg_dumpall dump have the profile\'s tables' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l target-time -d 'Recover a physical backup to this time instead of to the end of its WAL: 2026-04-13T02:00:00Z' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l assets -d 'The binaries: a folder, a tarball (.tar, .tar.gz), or s3://bucket/prefix/; with --newest also a pattern of them, such as s3://bucket/assets-*/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l tier -d 'Restore the schema only, without rows and binaries, and compare it with --schema-of-migrate, --manifest, --ledger or --source-env: takes seconds' -r -f -a "schema\t'Tables, indexes, constraints and other parts of the schema, without rows'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l sample -d 'Read the bytes of so many objects only, chosen by --seed; of the others presence and size are compared' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l seed -d 'What chooses the objects of --sample; the default is another one each time' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l timeout -d 'End the whole test after this time: 2h. Without it, there is no limit while it makes progress' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l manifest -d 'The folder with the manifest.json that was recorded with the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l render -d 'Render a template with data from a JSON file; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l golden -d 'The PDF that a render must give; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l max-age -d 'How old the newest row may be: 90m, 26h, 2d' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l max-rto -d 'How long the recovery may take: 15m' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l budgets -d 'A file with budgets, for those that are not given here: rpo bounds the age, rto the recovery' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l ledger -d 'Compare with the last proven restore of the same profile in this ledger: rows of each table, objects and bytes' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l source-env -d 'Compare with the live source, which is only read: the variable with its URL' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l max-drop -d 'How much fewer rows, objects or bytes than in the ledger or the source are tolerated, in percent' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l engine -d 'The engine: standin, command:PROGRAM ARGS…; without it the stand-in, or what the profile starts' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l ready-within -d 'How long the engine may take until GET /health/ready succeeds' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l profile -d 'The target profile: a file, or the name of a shipped one' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l report-dir -d 'Where runs are stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l format -d 'What to print on stdout at the end' -r -f -a "human\t'A table of scenarios'
json\t'The run\'s record'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l sign-key -d 'Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l ping -d 'Ping a dead man\'s switch such as healthchecks.io: URL/start at the start, URL where the exit code is 0, URL/fail otherwise' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l webhook -d 'POST the result of each run as JSON; PULP_DRILL_WEBHOOK_SECRET may hold a secret that signs it' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l newest -d 'Test the newest backup below --dump (a folder or prefix, also with a pattern: s3://bucket/daily/*.dump) or in the folders of --physical'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l schema-of-migrate -d 'Compare the schema with the one that the profile\'s `migrate` makes in an empty database'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -l restore-as-superuser -d 'Restore as a superuser, who may start programs: for dumps with extensions that need it, and only for those that you would give a shell'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand restore-test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l substrate -d 'Where PostgreSQL and the object store come from' -r -f -a "auto\t'The local one'
local\t'A private PostgreSQL cluster and an S3 server, as child processes'
containers\t'Docker or Podman containers'
external\t'Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l objects -d 'The object store of the local substrate; MinIO is taken from MINIO_BIN, from what `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set' -r -f -a "embedded\t'The one that is part of this program'
minio\t'MinIO'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l postgres -d 'With --substrate containers: PostgreSQL\'s major version, for the official image. Several, separated by commas, give one run each. The default is the version of the client programs' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l postgres-image -d 'With --substrate containers: an image of PostgreSQL that takes the official one\'s variables' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l minio-image -d 'With --substrate containers: an image of MinIO; `make minio-image` builds the default' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l registry -d 'Prefix for the names of default images, for a registry of your own: mirror.example/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l engine -d 'The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is the command that the profile has under `start`, else the stand-in' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l ready-within -d 'How long the engine may take to report that it is ready' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l defect -d 'Give the stand-in engine a defect, to see that the drill detects it; may be repeated' -r -f -a "fail-open\t'Renders a placeholder instead of refusing a missing binary'
stale-cache\t'Serves binaries from a cache on disk, also when the store lost or changed them'
wrong-code\t'Refuses a missing binary with another code'
wrong-status\t'Refuses a missing binary with the right code and status 500'
partial-pdf\t'Refuses a missing binary with some bytes of a PDF as the body'
truncated-pdf\t'Cuts every PDF in half and answers 200'
nondeterministic\t'Shows another text in every render'
refuses-present\t'Refuses assets that are there'
wrong-reason\t'Answers "missing" when the store cannot be reached or denies access'
forgets-schedules\t'Forgets at start when schedules run next'
hides-dead-letters\t'Does not list dead letters from before its start'
admits-archived\t'Lets in archived tenants from before its start'
skips-missed-runs\t'Never makes the runs of schedules that were due while it was down'
repeats-missed-runs\t'Makes the runs of schedules that were due while it was down twice'
forgets-unfinished-jobs\t'Leaves batch jobs that a start finds in progress as they are'
swallows-upload\t'Answers 201 to an upload whose binary it never stored'
wrong-asset\t'Embeds another asset\'s binary'
lies-ready\t'Reports that it is ready although the store cannot be reached'
old-version\t'Renders the version before the asked one'
alters-uploads\t'Changes the last byte of every upload below 64 KiB before it is stored and recorded'
loses-tenth-upload\t'Answers 201 to every tenth upload since its start and keeps nothing of it'
lists-first-page\t'Lists no more than four assets, and counts no more'
forgets-audit\t'Forgets the oldest audit event at start'
ignores-deletes\t'Answers 204 to the deletion of an asset and deletes nothing'
truncates-downloads\t'Hands out the first half of a binary; renders have all of it'
shortens-large\t'Hands out no more than the first MiB of a binary; renders have all of it'
renames-templates\t'Shows every template of the list under another name'
undeletes-later\t'Undoes a deletion after its event was listed twice in the audit trail'
exits-at-start\t'Ends at its start with an error'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l report-dir -d 'Where runs are stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -s j -l jobs -d 'How many scenarios run in parallel; the default is the number of cores' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l golden -d 'Known-good PDFs as DIR/<seed>/<template>.pdf. The default is those of the seeds for the stand-in, and for other engines what they render before the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l sign-key -d 'Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l env-file -d 'With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the environment' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l i-understand-this-destroys -d 'With --engine url: the name of the database that may be destroyed, with the engine\'s bucket; with --substrate external: a bucket of a store without tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l format -d 'What to print on stdout at the end' -r -f -a "human\t'Tables'
json\t'The matrix of faults and checks'
markdown\t'The same, for a document'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -l keep -d 'Leave the sites running for inspection, and print how to connect; `pulp-drill sweep --kept` removes them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -s v -l verbose -d 'Also print notes and advice of drills that passed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand selftest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l command -d 'The command, for `sh -c`, optionally with a name: `NAME=LINE`. It ends with exit code 0 if the backup is good. It finds BACKUP, DUMP, ASSETS, SHA256SUMS, BUCKET, COPY, BASE_BACKUP, WAL_ARCHIVE and DATABASE_URL in its environment, and is run where the backup has those that it names; with DATABASE_URL after the restore, else before the loss. May be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l substrate -d 'Where PostgreSQL and the object store come from' -r -f -a "auto\t'The local one'
local\t'A private PostgreSQL cluster and an S3 server, as child processes'
containers\t'Docker or Podman containers'
external\t'Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l objects -d 'The object store of the local substrate; MinIO is taken from MINIO_BIN, from what `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set' -r -f -a "embedded\t'The one that is part of this program'
minio\t'MinIO'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l postgres -d 'With --substrate containers: PostgreSQL\'s major version, for the official image. Several, separated by commas, give one run each. The default is the version of the client programs' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l postgres-image -d 'With --substrate containers: an image of PostgreSQL that takes the official one\'s variables' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l minio-image -d 'With --substrate containers: an image of MinIO; `make minio-image` builds the default' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l registry -d 'Prefix for the names of default images, for a registry of your own: mirror.example/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l engine -d 'The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is the command that the profile has under `start`, else the stand-in' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l ready-within -d 'How long the engine may take to report that it is ready' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l defect -d 'Give the stand-in engine a defect, to see that the drill detects it; may be repeated' -r -f -a "fail-open\t'Renders a placeholder instead of refusing a missing binary'
stale-cache\t'Serves binaries from a cache on disk, also when the store lost or changed them'
wrong-code\t'Refuses a missing binary with another code'
wrong-status\t'Refuses a missing binary with the right code and status 500'
partial-pdf\t'Refuses a missing binary with some bytes of a PDF as the body'
truncated-pdf\t'Cuts every PDF in half and answers 200'
nondeterministic\t'Shows another text in every render'
refuses-present\t'Refuses assets that are there'
wrong-reason\t'Answers "missing" when the store cannot be reached or denies access'
forgets-schedules\t'Forgets at start when schedules run next'
hides-dead-letters\t'Does not list dead letters from before its start'
admits-archived\t'Lets in archived tenants from before its start'
skips-missed-runs\t'Never makes the runs of schedules that were due while it was down'
repeats-missed-runs\t'Makes the runs of schedules that were due while it was down twice'
forgets-unfinished-jobs\t'Leaves batch jobs that a start finds in progress as they are'
swallows-upload\t'Answers 201 to an upload whose binary it never stored'
wrong-asset\t'Embeds another asset\'s binary'
lies-ready\t'Reports that it is ready although the store cannot be reached'
old-version\t'Renders the version before the asked one'
alters-uploads\t'Changes the last byte of every upload below 64 KiB before it is stored and recorded'
loses-tenth-upload\t'Answers 201 to every tenth upload since its start and keeps nothing of it'
lists-first-page\t'Lists no more than four assets, and counts no more'
forgets-audit\t'Forgets the oldest audit event at start'
ignores-deletes\t'Answers 204 to the deletion of an asset and deletes nothing'
truncates-downloads\t'Hands out the first half of a binary; renders have all of it'
shortens-large\t'Hands out no more than the first MiB of a binary; renders have all of it'
renames-templates\t'Shows every template of the list under another name'
undeletes-later\t'Undoes a deletion after its event was listed twice in the audit trail'
exits-at-start\t'Ends at its start with an error'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l report-dir -d 'Where runs are stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -s j -l jobs -d 'How many scenarios run in parallel; the default is the number of cores' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l golden -d 'Known-good PDFs as DIR/<seed>/<template>.pdf. The default is those of the seeds for the stand-in, and for other engines what they render before the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l sign-key -d 'Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l env-file -d 'With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the environment' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l i-understand-this-destroys -d 'With --engine url: the name of the database that may be destroyed, with the engine\'s bucket; with --substrate external: a bucket of a store without tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l format -d 'What to print on stdout at the end' -r -f -a "human\t'What each command lets pass'
json\t'Every answer'
markdown\t'Damage against commands, for a document'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -l keep -d 'Leave the sites running for inspection, and print how to connect; `pulp-drill sweep --kept` removes them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -s v -l verbose -d 'Also print notes and advice of drills that passed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand prove-tool" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand list" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand list" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand list" -l format -d 'For people, or for programs' -r -f -a "human\t'People'
json\t'Programs'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand init" -l dump -d 'Read the rows of this dump of pg_dump (custom, directory or tar format) instead of a live database. It is restored into a private server and removed afterwards' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand init" -l objects -d 'Where the objects are: a folder, or s3://bucket with an optional prefix' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand init" -l out -d 'The file to write; must not exist yet. Without it the profile is printed' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand init" -l check -d 'Compare this profile instead: matched, unmatched and orphaned counts with examples' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand init" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand check" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand check" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand check" -l format -d 'For people, or for programs' -r -f -a "human\t'People'
json\t'Programs'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand doctor" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand sweep" -l kept -d 'End and remove the sites that `run --keep` left running, too: all, or those of RUN, the end of its id' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand sweep" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -f -a "create" -d 'Make database and buckets, or take empty ones, and mark them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -f -a "show" -d 'Say what is there and whether it is marked; changes nothing'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -f -a "reset" -d 'Clear what a dead run has left'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -f -a "remove" -d 'Drop the database and remove the buckets, if they carry the marker'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and not __fish_seen_subcommand_from create show reset remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from create" -l env-file -d 'Read the variables from this file instead of the environment: NAME=value lines, mode 600' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from create" -l i-understand-this-destroys -d 'Repeat the name of what may be destroyed: the database, or a bucket of a store that keeps no tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from show" -l env-file -d 'Read the variables from this file instead of the environment: NAME=value lines, mode 600' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from show" -l i-understand-this-destroys -d 'Repeat the name of what may be destroyed: the database, or a bucket of a store that keeps no tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from reset" -l env-file -d 'Read the variables from this file instead of the environment: NAME=value lines, mode 600' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from reset" -l i-understand-this-destroys -d 'Repeat the name of what may be destroyed: the database, or a bucket of a store that keeps no tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from remove" -l env-file -d 'Read the variables from this file instead of the environment: NAME=value lines, mode 600' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from remove" -l i-understand-this-destroys -d 'Repeat the name of what may be destroyed: the database, or a bucket of a store that keeps no tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make database and buckets, or take empty ones, and mark them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "show" -d 'Say what is there and whether it is marked; changes nothing'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Clear what a dead run has left'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Drop the database and remove the buckets, if they carry the marker'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l operations -d 'Operations, each in every write order' -r -f -a "upload\t'upload'
replace\t'replace in place'
replace-new-key\t'replace under a new key'
delete\t'delete'
copy\t'copy'
label\t'label move'
batch\t'batch job completes'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l writes -d 'Up to how many writes beside one backup, 1 to 4' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l bound -d 'How many interleavings of one combination of writes are explored; if there are more, a random sample of this size' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l seed -d 'What the choice depends on' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l grace -d 'Delete grace: sub-steps of the backup between the change of a row and the removal of its object' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l format -d 'How to print' -r -f -a "human\t'For people'
json\t'One JSON object'
markdown\t'Markdown tables'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l replay -d 'Perform a schedule in the model and on real stores, and compare; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l shrink -d 'Cut a schedule to the least that has the same worst outcome' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l into -d 'With --shrink: write its scenario file into this folder' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l scenarios -d 'Write a scenario file for each cell into this folder' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l svg -d 'Also write a picture of each cell, or of the replayed schedule, into this folder' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l substrate -d 'Where PostgreSQL and the object store come from' -r -f -a "auto\t'The local one'
local\t'A private PostgreSQL cluster and an S3 server, as child processes'
containers\t'Docker or Podman containers'
external\t'Your own PostgreSQL and S3, on a site that `pulp-drill site create` has made'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l objects -d 'The object store of the local substrate; MinIO is taken from MINIO_BIN, from what `make minio` has built, or from PATH. The default is the embedded one, unless MINIO_BIN is set' -r -f -a "embedded\t'The one that is part of this program'
minio\t'MinIO'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l postgres -d 'With --substrate containers: PostgreSQL\'s major version, for the official image. Several, separated by commas, give one run each. The default is the version of the client programs' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l postgres-image -d 'With --substrate containers: an image of PostgreSQL that takes the official one\'s variables' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l minio-image -d 'With --substrate containers: an image of MinIO; `make minio-image` builds the default' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l registry -d 'Prefix for the names of default images, for a registry of your own: mirror.example/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l engine -d 'The engine: standin, command:PROGRAM ARGS…, url:http://…, image:NAME. The default is the command that the profile has under `start`, else the stand-in' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l ready-within -d 'How long the engine may take to report that it is ready' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l defect -d 'Give the stand-in engine a defect, to see that the drill detects it; may be repeated' -r -f -a "fail-open\t'Renders a placeholder instead of refusing a missing binary'
stale-cache\t'Serves binaries from a cache on disk, also when the store lost or changed them'
wrong-code\t'Refuses a missing binary with another code'
wrong-status\t'Refuses a missing binary with the right code and status 500'
partial-pdf\t'Refuses a missing binary with some bytes of a PDF as the body'
truncated-pdf\t'Cuts every PDF in half and answers 200'
nondeterministic\t'Shows another text in every render'
refuses-present\t'Refuses assets that are there'
wrong-reason\t'Answers "missing" when the store cannot be reached or denies access'
forgets-schedules\t'Forgets at start when schedules run next'
hides-dead-letters\t'Does not list dead letters from before its start'
admits-archived\t'Lets in archived tenants from before its start'
skips-missed-runs\t'Never makes the runs of schedules that were due while it was down'
repeats-missed-runs\t'Makes the runs of schedules that were due while it was down twice'
forgets-unfinished-jobs\t'Leaves batch jobs that a start finds in progress as they are'
swallows-upload\t'Answers 201 to an upload whose binary it never stored'
wrong-asset\t'Embeds another asset\'s binary'
lies-ready\t'Reports that it is ready although the store cannot be reached'
old-version\t'Renders the version before the asked one'
alters-uploads\t'Changes the last byte of every upload below 64 KiB before it is stored and recorded'
loses-tenth-upload\t'Answers 201 to every tenth upload since its start and keeps nothing of it'
lists-first-page\t'Lists no more than four assets, and counts no more'
forgets-audit\t'Forgets the oldest audit event at start'
ignores-deletes\t'Answers 204 to the deletion of an asset and deletes nothing'
truncates-downloads\t'Hands out the first half of a binary; renders have all of it'
shortens-large\t'Hands out no more than the first MiB of a binary; renders have all of it'
renames-templates\t'Shows every template of the list under another name'
undeletes-later\t'Undoes a deletion after its event was listed twice in the audit trail'
exits-at-start\t'Ends at its start with an error'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l report-dir -d 'Where runs are stored' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -s j -l jobs -d 'How many scenarios run in parallel; the default is the number of cores' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l profile -d 'The target profile of scenarios that name none: a file, or a name of profiles/' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l fixtures -d 'The folder with seeds/ and assets/. The default is fixtures/ of the current folder, or else that of this program' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l golden -d 'Known-good PDFs as DIR/<seed>/<template>.pdf. The default is those of the seeds for the stand-in, and for other engines what they render before the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l sign-key -d 'Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l env-file -d 'With --substrate external: read DATABASE_URL, S3_… from this file (mode 600) instead of the environment' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l i-understand-this-destroys -d 'With --engine url: the name of the database that may be destroyed, with the engine\'s bucket; with --substrate external: a bucket of a store without tags; may be repeated' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l no-results -d 'Leave the third store, with results of batch jobs, out of the backup, as runbook 2.2 does'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l replay-cells -d 'Perform the worst of each cell in the model and on real stores, and compare'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l in-model -d 'With --replay and --replay-cells: in the model only, and no store is touched'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -l keep -d 'Leave the sites running for inspection, and print how to connect; `pulp-drill sweep --kept` removes them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -s v -l verbose -d 'Also print notes and advice of drills that passed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand explore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -l format -d 'What is printed to standard output' -r -f -a "human\t'A table and a verdict'
json\t'The record, as in record.json'
junit\t'JUnit XML, as in junit.xml'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -l key -d 'The public key (OpenSSH) that must have signed' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -l allowed-signers -d 'The keys of which one must have signed, as ssh-keygen\'s allowed_signers' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -l require-signature -d 'Refuse a run that is not signed; a key asks for it by itself'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -a "merge" -d 'Join the runs of all parts of `run --partition` into one with one verdict'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and not __fish_seen_subcommand_from merge help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and __fish_seen_subcommand_from merge" -l out -d 'Where the joined run is stored, as with run --report-dir' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and __fish_seen_subcommand_from merge" -l sign-key -d 'Sign the joined run with this ed25519 key, as with run --sign-key; PULP_DRILL_SIGN_KEY may hold the key itself instead' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and __fish_seen_subcommand_from merge" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and __fish_seen_subcommand_from help" -f -a "merge" -d 'Join the runs of all parts of `run --partition` into one with one verdict'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand report; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l ledger -d 'The ledger, or the folder that holds ledger.jsonl: on this machine, or s3://BUCKET/FOLDER/' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l every -d 'How old the last proven restore may be: 24h, 90d. Exit code 1 where one is older' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l budgets -d 'A file with budgets, of which max-age-of-last-drill stands in for --every' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l now -d 'The time that counts as now (RFC 3339); the default is the machine\'s' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l format -d 'What is printed' -r -f -a "human\t'A trend for a terminal'
openmetrics\t'OpenMetrics, for Prometheus'
svg\t'A small chart'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l html -d 'Writes the ledger as a web page to this file: calendar, trends, links to the runs' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -l runs -d 'Where the folders of the runs are, for the links of --html: a folder or a URL. The default is the folder of the ledger' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -f -a "add" -d 'Verify a run as `evidence verify` does, and add it to the ledger'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -f -a "show" -d 'Show the trend and the last proven restores'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and not __fish_seen_subcommand_from add show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -l ledger -d 'The ledger, or the folder that holds ledger.jsonl: on this machine, or s3://BUCKET/FOLDER/. Without it the command prints where it writes' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -l now -d 'The time that counts as now (RFC 3339); the default is the machine\'s' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -l key -d 'The public key (OpenSSH) that must have signed' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -l allowed-signers -d 'The keys of which one must have signed, as ssh-keygen\'s allowed_signers' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -l require-signature -d 'Refuse a run that is not signed; a key asks for it by itself'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l ledger -d 'The ledger, or the folder that holds ledger.jsonl: on this machine, or s3://BUCKET/FOLDER/' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l every -d 'How old the last proven restore may be: 24h, 90d. Exit code 1 where one is older' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l budgets -d 'A file with budgets, of which max-age-of-last-drill stands in for --every' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l now -d 'The time that counts as now (RFC 3339); the default is the machine\'s' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l format -d 'What is printed' -r -f -a "human\t'A trend for a terminal'
openmetrics\t'OpenMetrics, for Prometheus'
svg\t'A small chart'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l html -d 'Writes the ledger as a web page to this file: calendar, trends, links to the runs' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -l runs -d 'Where the folders of the runs are, for the links of --html: a folder or a URL. The default is the folder of the ledger' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "add" -d 'Verify a run as `evidence verify` does, and add it to the ledger'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the trend and the last proven restores'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and not __fish_seen_subcommand_from create verify help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and not __fish_seen_subcommand_from create verify help" -f -a "create" -d 'Write manifest.json: templates and assets of a live engine, with the SHA-256 of every definition and binary, and of every table where DATABASE_URL is set'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and not __fish_seen_subcommand_from create verify help" -f -a "verify" -d 'Compare a manifest with a live engine'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and not __fish_seen_subcommand_from create verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l out -d 'The folder of the backup; made if it is not there. A manifest in it is not overwritten' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l api-url -d 'The engine; not for a profile with `api: none`, of which the database is recorded' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l api-key-file -d 'A file with the admin key; the default is the environment variable API_KEY_ADMIN' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l profile -d 'The target profile: which tables there are, where DATABASE_URL is set' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l db-dump -d 'Where the dump of the database lies; recorded with its SHA-256' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -l metadata-only -d 'Metadata only, as the runbook\'s own tool: no binary is read and no digest computed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l in -d 'The folder of the backup' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l api-url -d 'The engine; not for a profile with `api: none`, of which the database is recorded' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l api-key-file -d 'A file with the admin key; the default is the environment variable API_KEY_ADMIN' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l profile -d 'The target profile: which tables there are, where DATABASE_URL is set' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l tolerance -d 'How many items may have drifted' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l metadata-only -d 'Metadata only, as the runbook\'s own tool: no binary is read and no digest computed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "create" -d 'Write manifest.json: templates and assets of a live engine, with the SHA-256 of every definition and binary, and of every table where DATABASE_URL is set'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Compare a manifest with a live engine'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l profile -d 'The target profile: which rows point at objects' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l store -d 'Which of the profile\'s stores the bucket is' -r -f -a "assets\t'The assets\' binaries'
results\t'The results of batch jobs'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l verify -d 'What is compared beside existence and size' -r -f -a "listing\t'Nothing: keys and sizes, by the listing'
recorded\t'The SHA-256 that the store has recorded with each object; no bytes are read'
sample\t'The bytes of a sample of objects'
full\t'The bytes of all objects'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l sample -d 'With --verify sample: about how many objects are read' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l settle -d 'How long a difference waits for its second look, in seconds: longer than any write takes' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l grace -d 'Objects that were written less long ago are not yet reported as orphans, in seconds' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l requests-per-second -d 'The most requests to the object store in a second' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l cursor -d 'Save the position here every minute, and continue from it if the file is there' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l split -d 'Print so many ranges of keys with about as many rows each, and do nothing else' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l ranges -d 'What --split has printed: the ranges of keys that several runs share' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l partition -d 'With --ranges: the number of this run\'s range, from 1' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -l metrics -d 'Write the counts as OpenMetrics to this file at the end' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand reconcile" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and not __fish_seen_subcommand_from verify bundle help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and not __fish_seen_subcommand_from verify bundle help" -f -a "verify" -d 'Say whether stored runs are as they were written, and who signed them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and not __fish_seen_subcommand_from verify bundle help" -f -a "bundle" -d 'Pack a run into one tar file, which `verify` reads as well'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and not __fish_seen_subcommand_from verify bundle help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l key -d 'The public key (OpenSSH) that must have signed' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l allowed-signers -d 'The keys of which one must have signed, as ssh-keygen\'s allowed_signers' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l all -d 'Take the argument for a report folder, and verify all runs in it and the chain over them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l require-signature -d 'Refuse a run that is not signed; a key asks for it by itself'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from bundle" -l out -d 'The bundle; the default is the folder\'s name with .tar, in the present folder' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from bundle" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Say whether stored runs are as they were written, and who signed them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from help" -f -a "bundle" -d 'Pack a run into one tar file, which `verify` reads as well'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand evidence; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and not __fish_seen_subcommand_from new help" -f -a "new" -d 'Make an ed25519 key in OpenSSH\'s format, without a passphrase, and PATH.pub beside it'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and not __fish_seen_subcommand_from new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and __fish_seen_subcommand_from new" -l comment -d 'Whose it is, in the public key' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "new" -d 'Make an ed25519 key in OpenSSH\'s format, without a passphrase, and PATH.pub beside it'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and not __fish_seen_subcommand_from diff help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and not __fish_seen_subcommand_from diff help" -f -a "diff" -d 'Say whether two PDFs are identical, the same apart from dates, ids and producer, or different and where'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and not __fish_seen_subcommand_from diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'One JSON object'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -l depth -d 'How alike they must be: bytes, canonical (the same document), layout (the same glyphs and pictures at the same places) or picture (the same picture of each page)' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -l tolerance -d 'How many pixels of a page may differ, for --depth picture; a page is drawn 460 pixels wide or 680 high' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -l mask -d 'A part that is not compared, for --depth picture, in per cent of the page; may be given several times' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -l out -d 'A folder, made if need be, for pictures of each page (expected, actual, what differs) and index.html' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Say whether two PDFs are identical, the same apart from dates, ids and producer, or different and where'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand pdf; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and not __fish_seen_subcommand_from engine migrate objects help" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and not __fish_seen_subcommand_from engine migrate objects help" -f -a "engine" -d 'Serve the stand-in engine, configured by Pulp Engine\'s environment variables'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and not __fish_seen_subcommand_from engine migrate objects help" -f -a "migrate" -d 'Bring the stand-in engine\'s schema forward (DATABASE_URL)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and not __fish_seen_subcommand_from engine migrate objects help" -f -a "objects" -d 'Serve the embedded object store'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and not __fish_seen_subcommand_from engine migrate objects help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from engine" -l defect -d 'Misbehave in this way; may be given several times (also PULP_STANDIN_DEFECTS=a,b)' -r -f -a "fail-open\t'Renders a placeholder instead of refusing a missing binary'
stale-cache\t'Serves binaries from a cache on disk, also when the store lost or changed them'
wrong-code\t'Refuses a missing binary with another code'
wrong-status\t'Refuses a missing binary with the right code and status 500'
partial-pdf\t'Refuses a missing binary with some bytes of a PDF as the body'
truncated-pdf\t'Cuts every PDF in half and answers 200'
nondeterministic\t'Shows another text in every render'
refuses-present\t'Refuses assets that are there'
wrong-reason\t'Answers "missing" when the store cannot be reached or denies access'
forgets-schedules\t'Forgets at start when schedules run next'
hides-dead-letters\t'Does not list dead letters from before its start'
admits-archived\t'Lets in archived tenants from before its start'
skips-missed-runs\t'Never makes the runs of schedules that were due while it was down'
repeats-missed-runs\t'Makes the runs of schedules that were due while it was down twice'
forgets-unfinished-jobs\t'Leaves batch jobs that a start finds in progress as they are'
swallows-upload\t'Answers 201 to an upload whose binary it never stored'
wrong-asset\t'Embeds another asset\'s binary'
lies-ready\t'Reports that it is ready although the store cannot be reached'
old-version\t'Renders the version before the asked one'
alters-uploads\t'Changes the last byte of every upload below 64 KiB before it is stored and recorded'
loses-tenth-upload\t'Answers 201 to every tenth upload since its start and keeps nothing of it'
lists-first-page\t'Lists no more than four assets, and counts no more'
forgets-audit\t'Forgets the oldest audit event at start'
ignores-deletes\t'Answers 204 to the deletion of an asset and deletes nothing'
truncates-downloads\t'Hands out the first half of a binary; renders have all of it'
shortens-large\t'Hands out no more than the first MiB of a binary; renders have all of it'
renames-templates\t'Shows every template of the list under another name'
undeletes-later\t'Undoes a deletion after its event was listed twice in the audit trail'
exits-at-start\t'Ends at its start with an error'"
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from engine" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from migrate" -l to -d 'Stop after this step of the schema, as an older release would' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from migrate" -l stop-in-the-middle -d 'Apply half of the last step and fail, like a migration that was killed'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from objects" -l dir -d 'Folder that holds the objects; made when it is missing' -r -F
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from objects" -l listen -d 'Address to listen on; port 0 takes a free port and prints it' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from objects" -l region -d 'Region that buckets are in' -r
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from objects" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from help" -f -a "engine" -d 'Serve the stand-in engine, configured by Pulp Engine\'s environment variables'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from help" -f -a "migrate" -d 'Bring the stand-in engine\'s schema forward (DATABASE_URL)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from help" -f -a "objects" -d 'Serve the embedded object store'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand standin; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand draw" -s h -l help -d 'Print help'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "demo" -d 'See what a drill finds: one sound backup and three broken ones'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "new" -d 'Make a project: profile, scenarios, settings and a CI file'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "run" -d 'Run drills: provision, seed, inject, back up, destroy, restore, verify'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "restore-test" -d 'Test an existing backup: restore it into a throwaway site, verify, measure'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "selftest" -d 'Test the harness: is every fault detected, and nothing else reported?'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "prove-tool" -d 'Test a command that verifies backups: which damage does it let pass?'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "list" -d 'List scenarios'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "init" -d 'Draft a profile from a database and an object store; only reads'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "check" -d 'Validate scenario files without running them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "schema" -d 'Print the JSON Schema of scenario files, for editors'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "doctor" -d 'Show what is installed and which substrate would be used'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "sweep" -d 'Remove what dead runs left behind'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "site" -d 'Make a database and buckets of your own a site for drills, or take them back'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "explore" -d 'Explore the consistency window in a model: what a restore can give'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "report" -d 'Render a stored run again'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "history" -d 'Keep a ledger of runs, and see when a restore was last proven'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "manifest" -d 'Take an inventory of a live engine, or verify one'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "reconcile" -d 'Compare rows with objects in stores that are in use, without a restore; only reads'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "evidence" -d 'Verify stored runs, or pack one to hand it over'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "keys" -d 'Make keys to sign runs with'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "pdf" -d 'Compare PDFs'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "standin" -d 'Run a stand-in: an engine or an object store for drills'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "generate" -d 'Print shell completions or the man page'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "draw" -d 'Draw the PDF on stdin for a report that is being written, with little memory and time'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and not __fish_seen_subcommand_from demo new run restore-test selftest prove-tool list init check schema doctor sweep site explore report history manifest reconcile evidence keys pdf standin generate draw help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "create" -d 'Make database and buckets, or take empty ones, and mark them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "show" -d 'Say what is there and whether it is marked; changes nothing'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "reset" -d 'Clear what a dead run has left'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "remove" -d 'Drop the database and remove the buckets, if they carry the marker'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from report" -f -a "merge" -d 'Join the runs of all parts of `run --partition` into one with one verdict'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "add" -d 'Verify a run as `evidence verify` does, and add it to the ledger'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "show" -d 'Show the trend and the last proven restores'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "create" -d 'Write manifest.json: templates and assets of a live engine, with the SHA-256 of every definition and binary, and of every table where DATABASE_URL is set'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "verify" -d 'Compare a manifest with a live engine'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from evidence" -f -a "verify" -d 'Say whether stored runs are as they were written, and who signed them'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from evidence" -f -a "bundle" -d 'Pack a run into one tar file, which `verify` reads as well'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "new" -d 'Make an ed25519 key in OpenSSH\'s format, without a passphrase, and PATH.pub beside it'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from pdf" -f -a "diff" -d 'Say whether two PDFs are identical, the same apart from dates, ids and producer, or different and where'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from standin" -f -a "engine" -d 'Serve the stand-in engine, configured by Pulp Engine\'s environment variables'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from standin" -f -a "migrate" -d 'Bring the stand-in engine\'s schema forward (DATABASE_URL)'
complete -c pulp-drill -n "__fish_pulp_drill_using_subcommand help; and __fish_seen_subcommand_from standin" -f -a "objects" -d 'Serve the embedded object store'
