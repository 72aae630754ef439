import type { ShellText } from './shell-text.ts';
import { GET_PLAIN, PUT_PLAIN } from './transfer-plain.ts';

const COMMON: ShellText = `
export LC_ALL=C
newline='
'
temp=
tell() {
  printf '%s %s\\n' "$nonce" "$*"
}
clean() {
  [ -n "$temp" ] || return 0
  rm -rf -- "$temp" 2>/dev/null || { chmod -R u+rwX -- "$temp"; rm -rf -- "$temp"; } 2>/dev/null
}
fail() {
  clean
  tell failed "\${1%%"$newline"*}"
  exit 1
}
[ -z "$user" ] || cd 2>/dev/null || cd / || exit 1
slash=
case $path in */) slash=1 ;; esac
case $path in '~') path=$HOME ;; '~/'*) path=$HOME/\${path#??} ;; /*) ;; *) path=./$path ;; esac
while :; do
  case $path in ?*/) path=\${path%/} ;; *) break ;; esac
done`;

/** \`tidy\` removes from \`base\` what copies left there that were ended with their whole machine, or killed. */
const TIDY: ShellText = `
host=$(uname -n) || host=unknown
case $host in *[!A-Za-z0-9.-]*) host=unknown ;; esac
tidy() {
  for old in "\${base%/}"/.plan-copy-"$host"-*; do
    [ -d "$old" ] && ! [ -L "$old" ] || continue
    pid=\${old##*/.plan-copy-"$host"-}
    pid=\${pid%%-*}
    case $pid in '' | *[!0-9]*) continue ;; esac
    kill -0 "$pid" 2>/dev/null || [ -d "/proc/$pid" ] || (temp=$old; clean)
  done
}`;

/**
 * `path name kind mode several user nonce`: tells what it takes, `tar` or `plain`, unpacks \`tree\` and \`whole\` beside
 * where it belongs, and puts it in place once it is whole: in the directory \`path\` as \`name\` (\`.\`: what is in it), or
 * as \`path\`.
 */
export const PUT: ShellText = `path=$1 name=$2 kind=$3 mode=$4 several=$5 user=$6 nonce=$7
trap : HUP INT TERM PIPE${COMMON}${TIDY}${PUT_PLAIN}
merge() {
  [ -w "$1" ] || chmod u+rwx "$1" || return
  find "$1/." ! -name . -prune ! -type d -exec sh -c 'exec mv -f -- "$@" "$0/"' "$2" {} + || return
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -d "$entry" ] && ! [ -L "$entry" ] || continue
    if [ -d "$2/\${entry##*/}" ]; then (merge "$entry" "$2/\${entry##*/}") || return
    elif [ -w "$entry" ]; then mv -- "$entry" "$2/" || return
    else
      # One that may not be written can be given no other parent.
      chmod u+w "$entry" && mv -- "$entry" "$2/" && chmod u-w "$2/\${entry##*/}" || return
    fi
  done
}
if [ -d "$path" ]; then
  case $name in .) place=$path ;; *) place=\${path%/}/$name ;; esac
elif [ -n "$slash$several" ]; then
  fail "there is no directory \\"$path\\""
else
  place=$path
fi
base=\${place%/*}
: "\${base:=/}"
if [ "$kind" = file ]; then
  [ ! -d "$place" ] || fail "\\"$place\\" is a directory"
  [ ! -e "$place" ] || [ -f "$place" ] || fail "\\"$place\\" is a special file"
elif [ -d "$place" ]; then
  base=$place
elif [ -e "$place" ]; then
  fail "\\"$place\\" is no directory"
fi
[ -d "$base" ] || fail "there is no directory \\"$base\\""
tidy
made=\${base%/}/.plan-copy-$host-$$-\${nonce#plan-}
why=$(mkdir -m 700 -- "$made" 2>&1) || fail "\\"$base\\" cannot be written to by \\"$(id -un)\\": \${why##*: }"
temp=$made
format=plain
! command -v tar >/dev/null 2>&1 || format=tar
tell ready "$format"
unpack() {
  cd -- "$temp" || return
  case $format in tar) exec tar -xpof - ;; *) plain ;; esac
}
why=$(unpack 2>&1) || {
  room=$( (echo x | cat >"$temp/room") 2>&1) || why=$room
  fail "$why"
}
[ -e "$temp/whole" ] || fail 'it was cut off'
[ ! -e "$temp/modes" ] || why=$(cd -- "$temp" && sh ./modes 2>&1) || fail "$why"
if [ "$kind" = directory ] && [ -d "$place" ]; then
  why=$(merge "$temp/tree" "$place" 2>&1) || fail "$why"
else
  why=$(mv -f -- "$temp/tree" "$place" 2>&1) || fail "$why"
  [ "$kind" = file ] || chmod "$mode" "$place"
fi
clean
tell done`;

/** `path user nonce`: tells what is there and whether a \`tar\` or \`plain\` stream of it follows, and sends that. */
export const GET: ShellText = `path=$1 user=$2 nonce=$3${COMMON}${GET_PLAIN}
if [ -d "$path" ]; then
  odd=$(find "$path/." ! -type f ! -type d ! -type l -print 2>/dev/null)
  odd=\${odd#"$path/./"}
  [ -z "$odd" ] || fail "\\"\${odd%%"$newline"*}\\" is a special file"
  why=$(cd "$path" 2>&1) || fail "$why"
  cd "$path" || exit
  kind=directory
elif [ -f "$path" ] && [ -z "$slash" ]; then
  [ -r "$path" ] || fail "\\"$path\\" may not be read by \\"$(id -un)\\""
  cd "\${path%/*}/" || exit
  kind=file
elif [ -e "$path" ] && [ -z "$slash" ]; then
  fail "\\"$path\\" is a special file"
else
  fail 'there is no such file'
fi
if command -v tar >/dev/null 2>&1; then
  tell "$kind" tar
  case $kind in directory) exec tar -cf - . ;; *) exec tar -chf - "./\${path##*/}" ;; esac
fi
tell "$kind" plain
case $kind in directory) plain_tree ;; *) plain L "./\${path##*/}" ;; esac`;
