#!/usr/bin/env bash
# One directory, served by Debian's smbd (acl_xattr, streams_xattr) and by us: what the one writes - attributes, times, streams, extended
# attributes, access lists - the other shows alike, through smbclient, smbcacls and `hythe stat`, in both directions, and what one
# changes the other sees. Starts a private smbd on a free port of the loopback (needs root, for smbd does, and a TMPDIR with extended
# attributes). Prints `ok NAME` and `not ok NAME`. HYTHE is the command under test.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='share-pass-Word-1'
if ! smbd_can_run || ! command -v smbcacls >/dev/null; then
	skip share/smbd "smbd needs root, and the packages samba and smbclient"
	exit 0
fi
mkdir -p "$work/both" "$work/state"
if ! python3 -c 'import os, sys; os.setxattr(sys.argv[1], "security.probe", b"x"); os.removexattr(sys.argv[1], "security.probe")' "$work/both" 2>/dev/null; then
	skip share/smbd "$work has no extended attributes"
	exit 0
fi
start_smbd theirs <<CONF
	ea support = yes
	store dos attributes = yes
	map archive = no
	dos filemode = yes
	mangled names = no
	vfs objects = acl_xattr streams_xattr
	acl_xattr:ignore system acls = yes
[both]
	path = $work/both
CONF
printf '[share both]\npath = %s\n' "$work/both" >"$work/ours.conf"
start_hythe ours --config "$work/ours.conf" --state "$work/state" --user root || exit 1

net=127.$((RANDOM % 100 + 100)).$((RANDOM % 200 + 1))
python3 -B "$here/relay.py" "$net.2" 445 "$ours" "$net.3" 445 "$theirs" >"$work/relay" 2>&1 &
pids+=($!)
for _ in $(seq 50); do
	[ -s "$work/relay" ] && break
	sleep 0.1
done
if [ "$(cat "$work/relay")" != ready ]; then
	skip share/smbd "no port 445 on $net.2: $(tail -n 1 "$work/relay")"
	exit 0
fi

login=(-U "root%$HYTHE_PASSWORD")
# client PORT COMMANDS
client() { timeout 60 smbclient //127.0.0.1/both -p "$1" "${login[@]}" -c "$2" 2>&1; }
# smbcacls knows port 445 only: there are addresses of the loopback for it.
address() { [ "$1" = "$ours" ] && echo "$net.2" || echo "$net.3"; }
cacls() { timeout 60 smbcacls "//$(address "$1")/both" "$2" "${login[@]}" "${@:3}" 2>&1; }
# acl PORT FILE ARGUMENT...: without a service of names on both sides SIDs are what can be compared
acl() { cacls "$1" "$2" --numeric "${@:3}"; }
stat_of() { "$HYTHE" stat --json "smb://root@127.0.0.1:$1/both/$2"; }
says() { grep -q -- "$1" <<<"$2" || { echo "wanted '$1' in: $2"; return 1; }; }

everyone=S-1-1-0
users=S-1-5-32-545
printf 'a small stream' >"$work/small"
head -c 2000 /dev/urandom >"$work/middle"
head -c 3000000 /dev/urandom >"$work/large"
printf 'base' >"$work/base"

# All that the server at PORT shows of a FILE: attributes, sizes and times to 100 ns (but that of the last access, which looking at it
# moves, and ChangeTime, for which smbd gives that of the last write), streams, extended attributes, and the descriptor if one was
# set: what each makes up from the mode is its own affair (docs/differences.md).
has_descriptor() { python3 -c 'import os, sys; os.getxattr(sys.argv[1], "security.NTACL")' "$work/both/$1" 2>/dev/null; }
shown() { # PORT FILE
	stat_of "$1" "$2" | tr ',' '\n' | grep -E '"(type|size|attributes|created|written)' | sort
	client "$1" "allinfo $2; geteas $2" | grep -E '^(stream|attributes|\[|[A-Z].* \(0\) =)' | sort
	if has_descriptor "$2"; then acl "$1" "$2"; fi
}

same() { # FILE...
	local f
	for f; do
		diff <(shown "$theirs" "$f") <(shown "$ours" "$f") || { echo "$f: < smbd, > ours"; return 1; }
	done
}

reader_of() { [ "$1" = "$theirs" ] && echo "$ours" || echo "$theirs"; }

each_attribute() { # WRITER
	local mode
	for mode in r h s a rhsa; do
		client "$1" "put $work/base f-$mode; setmode f-$mode -a; setmode f-$mode +$mode; mkdir d-$mode; setmode d-$mode +$mode" >/dev/null
		same "f-$mode" "d-$mode" || return 1
		says "attributes: .*$(tr a-z A-Z <<<"${mode:0:1}")" "$(client "$1" "allinfo f-$mode")" || return 1
	done
	diff <(client "$theirs" ls | sort) <(client "$ours" ls | sort) | grep -E '(f|d)-' && return 1
	# And what one hides the other can show again.
	client "$(reader_of "$1")" 'setmode f-rhsa -rhs; setmode d-rhsa -rhs' >/dev/null
	same f-rhsa d-rhsa || return 1
	says 'attributes: A (20)' "$(client "$1" 'allinfo f-rhsa')" || return 1
	client "$1" 'setmode f-r -r; setmode d-r -r; del f-*; rmdir d-r; rmdir d-h; rmdir d-s; rmdir d-a; rmdir d-rhsa' >/dev/null
}

creation_time_to_100_ns() { # WRITER
	local made
	client "$1" "put $work/base timed; mkdir timeddir" >/dev/null
	same timed timeddir || return 1
	made=$(stat_of "$1" timed | grep -o '"created":"[^"]*"')
	# Neither a later write nor another's attribute moves it.
	sleep 1.1
	client "$(reader_of "$1")" "put $work/small timed; setmode timed +h" >/dev/null
	same timed || return 1
	[ "$(stat_of "$1" timed | grep -o '"created":"[^"]*"')" = "$made" ] || { echo "was $made, is: $(stat_of "$1" timed)"; return 1; }
	client "$1" 'utimes timed 2001:02:03-04:05:06 -1 -1 -1' >/dev/null
	same timed || return 1
	says '"created":"2001-02-03T04:05:06' "$(stat_of "$(reader_of "$1")" timed)" || return 1
	client "$1" 'setmode timed -h; del timed; rmdir timeddir' >/dev/null
}

# Owner and entries, with one name for root, who is S-1-22-1-0 to us unless Samba's account for him owns the directory. The group of a new
# file is Samba's for its users there, the directory's here.
entries() { grep -E '^(OWNER|ACL)' | sed -E 's/S-1-22-1-0:?$|S-1-22-1-0:|S-1-5-21-[0-9-]*-1000:?/root:/' | sort; }

inherited_entries() { # WRITER
	local reader out
	reader=$(reader_of "$1")
	client "$1" 'mkdir tree' >/dev/null
	acl "$1" tree -S "REVISION:1,OWNER:$(owner_of "$1" tree),ACL:$everyone:0/3/0x001201ff,ACL:$users:0/9/0x00120089,ACL:S-1-3-0:0/11/0x001f01ff" || return 1
	client "$1" 'mkdir tree\sub; mkdir tree\sub\deep' >/dev/null
	client "$1" "put $work/base tree\\file; put $work/base tree\\sub\\deep\\file" >/dev/null
	same tree tree/sub tree/sub/deep tree/file tree/sub/deep/file || return 1
	says "ACL:$everyone:0/0x0/0x001201ff" "$(acl "$reader" tree/sub/deep/file)" || return 1
	# What the other makes there inherits the same.
	client "$reader" "mkdir tree\\other; put $work/base tree\\other\\file; put $work/base tree\\beside" >/dev/null
	same tree/other tree/other/file tree/beside || return 1
	diff <(acl "$1" tree/beside | entries) <(acl "$1" tree/file | entries) && diff <(acl "$1" tree/other | entries) <(acl "$1" tree/sub | entries) || {
		echo "what the reader made differs"
		return 1
	}
	client "$1" 'deltree tree' >/dev/null
}

owner_of() { acl "$1" "$2" | sed -n 's/^OWNER://p'; }

denied() { # WRITER
	local reader
	reader=$(reader_of "$1")
	client "$1" "put $work/base denied" >/dev/null
	acl "$1" denied -S "REVISION:1,ACL:$everyone:1/0/0x00000002,ACL:$everyone:0/0/0x001f01ff" >/dev/null
	same denied || return 1
	says "ACL:$everyone:1/0x0/0x00000002" "$(acl "$reader" denied)" || return 1
	client "$ours" "put $work/small denied" | grep -q NT_STATUS_ACCESS_DENIED || { echo "was written here"; return 1; }
	client "$ours" "get denied $work/back" >/dev/null && cmp "$work/base" "$work/back" || return 1
	client "$1" 'del denied' >/dev/null
}

protected() { # WRITER
	local sddl
	client "$1" 'mkdir kept' >/dev/null
	sddl="D:P(A;OICI;FA;;;WD)(A;OICI;FR;;;BU)"
	acl "$1" kept --sddl -S "$sddl" >/dev/null
	same kept || return 1
	says 'D:P' "$(acl "$(reader_of "$1")" kept --sddl)" || return 1
	client "$1" 'rmdir kept' >/dev/null
}

edited_by_the_other() { # WRITER
	local reader
	reader=$(reader_of "$1")
	client "$1" "put $work/base edited" >/dev/null
	acl "$1" edited -a "ACL:$users:0/0/0x00120089" || return 1
	acl "$reader" edited -a "ACL:S-1-5-32-546:1/0/0x00000002" || return 1
	same edited || return 1
	says "ACL:$users:0/0x0/0x00120089" "$(acl "$1" edited)" || return 1
	says 'ACL:S-1-5-32-546:1/0x0/0x00000002' "$(acl "$1" edited)" || return 1
	acl "$reader" edited -D "ACL:$users:0/0/0x00120089" || return 1
	same edited || return 1
	says 'S-1-5-32-545' "$(acl "$1" edited)" >/dev/null && return 1
	# Still a file that both may read and write.
	client "$reader" "put $work/small edited; get edited $work/back" >/dev/null && cmp "$work/small" "$work/back" || return 1
	client "$1" "put $work/base edited; get edited $work/back" >/dev/null && cmp "$work/base" "$work/back" || return 1
	client "$1" 'del edited' >/dev/null
}

# Group and owner as SIDs on both sides, and as a name where there is a service of names, that is at smbd.
owner_and_group() { # WRITER
	client "$1" "put $work/base owned; mkdir owneddir" >/dev/null
	same owned owneddir || return 1
	says 'OWNER:.*\\root' "$(cacls "$theirs" owned)" || return 1
	acl "$1" owned -a "ACL:$users:0/0/0x00120089" >/dev/null
	same owned || return 1
	acl "$1" owned -G "$users" >/dev/null
	same owned || return 1
	says "GROUP:$users" "$(acl "$(reader_of "$1")" owned)" || return 1
	says 'OWNER:.*\\root' "$(cacls "$theirs" owned)" || return 1
	client "$1" 'del owned; rmdir owneddir' >/dev/null
}

streams_and_eas() { # WRITER
	local reader stream
	reader=$(reader_of "$1")
	client "$1" "put $work/base data; put $work/small data:small; put $work/middle data:Mid; put $work/small \"data:Zwölf ä\"; setea data Note some; setea data OTHER 'more of it'; mkdir datadir; put $work/small datadir:s" >/dev/null
	same data datadir || return 1
	[ "$(client "$reader" 'allinfo data' | grep -c '^stream')" = 4 ] || return 1
	for stream in small Mid; do
		client "$reader" "get data:$stream $work/back" >/dev/null
		cmp "$work/back" "$work/$([ $stream = Mid ] && echo middle || echo small)" || return 1
	done
	client "$reader" 'setea data Note changed; setea data OTHER ""; rm data:small' >/dev/null
	same data || return 1
	client "$1" 'del data; rmdir datadir' >/dev/null
}

# A stream beyond what fits an attribute lies in a side file of ours. Samba lists it, with the few bytes that name the side file, and
# leaves it as it is.
large_streams_of_ours() {
	client "$ours" "put $work/base big; put $work/large big:large; put $work/small big:small" >/dev/null
	says '^stream: \[:large:\$DATA\]' "$(client "$theirs" 'allinfo big')" || return 1
	client "$theirs" "get big:large $work/back" >/dev/null
	[ "$(stat -c %s "$work/back")" -lt 200 ] || { echo "smbd reads $(stat -c %s "$work/back") bytes"; return 1; }
	client "$theirs" "setmode big +h; rename big moved" >/dev/null
	client "$ours" "get moved:large $work/back" >/dev/null
	cmp "$work/large" "$work/back" || return 1
	client "$ours" 'setmode moved -h; del moved' >/dev/null
}

# What neither has a descriptor for yet, each makes up from the mode: the owner's name is the same to smbd, which is what has names.
files_without_a_descriptor() {
	echo text >"$work/both/bare"
	says 'OWNER:.*\\root' "$(cacls "$theirs" bare)" || return 1
	says '^OWNER:S-1-22-1-0$' "$(acl "$ours" bare)" || return 1
	client "$ours" "get bare $work/back" >/dev/null && cmp "$work/both/bare" "$work/back"
}

for writer in theirs ours; do
	name=$([ $writer = ours ] && echo we_write || echo samba_writes)
	for case in each_attribute creation_time_to_100_ns inherited_entries denied protected edited_by_the_other owner_and_group streams_and_eas; do
		check "share/$name/$case" "$case" "${!writer}"
	done
done
check share/large_streams_of_ours large_streams_of_ours
check share/files_without_a_descriptor files_without_a_descriptor
[ "$failures" = 0 ]
