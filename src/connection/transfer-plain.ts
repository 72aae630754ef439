import { encode, quote } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { octal } from './upload.ts';
import { collected, opened } from './tree-pack.ts';
import type { Tree, TreeEntry } from './tree-survey.ts';

/** Entries whose commands go together. */
const TOGETHER = 64;

/**
 * A tree for a machine without tar: the length of some commands for its shell in a line, these commands, what they
 * take, and so on; a length of 0 comes last.
 */
export async function* spellTree(
  { entries }: Tree,
  onBytes: (count: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  yield* collected(pieces());

  async function* pieces(): AsyncGenerator<Buffer> {
    let commands: ShellText[] = [];
    for await (const [entry, file] of opened(entries)) {
      if (entry.kind === 'file') {
        if (file === undefined) continue;
        const words = [placeOf(entry), String(file.size), octal(file.mode), stampOf(file.modified)];
        yield chunk([...commands, `f ${words.join(' ')}`]);
        commands = [];
        yield* file.content(onBytes);
        continue;
      }
      const place = placeOf(entry);
      commands.push(entry.kind === 'link' ? `l ${quote(entry.target)} ${place}` : `d ${place}`);
      if (commands.length < TOGETHER) continue;
      yield chunk(commands);
      commands = [];
    }
    const directories = entries.filter(({ kind }) => kind === 'directory').toReversed();
    for (const entry of directories) {
      const mode = entry.name === '' ? entry.mode | 0o700 : entry.mode;
      commands.push(`m ${placeOf(entry)} ${octal(mode)} ${stampOf(entry.modified)}`);
      if (commands.length < TOGETHER) continue;
      yield chunk(commands);
      commands = [];
    }
    if (commands.length > 0) yield chunk(commands);
    yield encode('0\n');
  }
}

function placeOf({ name }: TreeEntry): ShellText {
  return quote(name === '' ? 'tree' : `tree/${name}`);
}

function chunk(commands: readonly ShellText[]): Buffer {
  const text = commands.join(' &&\n');
  return encode(`${text.length}\n${text}`);
}

/** As `touch -t` takes it, in UTC. */
function stampOf(seconds: number): string {
  const text = new Date(seconds * 1_000).toISOString();
  return `${text.slice(0, 16).replace(/[-T:]/g, '')}.${text.slice(17, 19)}`;
}

/**
 * `take N` passes on exactly so many bytes of its input and leaves the rest where it is, which some `head` do, some
 * `dd`, and every `dd` byte by byte.
 */
const TAKE: ShellText = `
if [ "$( (printf abcd | { head -c 2 >/dev/null; cat; }) 2>/dev/null)" = cd ]; then
  take() {
    head -c "$1"
  }
elif [ "$( (printf abcd | { dd bs=2 count=1 iflag=fullblock of=/dev/null; cat; }) 2>/dev/null)" = cd ]; then
  take() {
    [ "$1" -lt 65536 ] || dd bs=65536 count="$(($1 / 65536))" iflag=fullblock || return
    [ "$(($1 % 65536))" = 0 ] || dd bs="$(($1 % 65536))" count=1 iflag=fullblock
  }
else
  take() {
    dd bs=1 count="$1"
  }
fi`;

/** \`plain\` unpacks what \`spellTree\` makes, with an empty file \`whole\` after it, in the working directory. */
export const PUT_PLAIN: ShellText = `${TAKE}
d() {
  mkdir "$1"
}
f() {
  take "$2" >"$1" && chmod "$3" "$1" && stamp "$4" "$1"
}
l() {
  ln -s -- "$1" "$2"
}
m() {
  stamp "$3" "$1" && chmod "$2" "$1"
}
stamp() {
  TZ=UTC0 touch -t "$1" "$2" 2>/dev/null || :
}
plain() {
  umask 077
  while IFS= read -r size; do
    case $size in
      0) : >whole && return ;;
      '' | *[!0-9]*) return 1 ;;
    esac
    text=$(take "$size") || return
    eval "$text" || return
  done
}`;

/** Sends entries as `nextPlain` reads them; `$1`: `L` if a link is to be followed, the rest are paths. */
const ENTRIES: ShellText = `${TAKE}
follow=$1
shift
entry() {
  printf '%s\\000' "$1" "$mode" "$2" "$stamp" "$f" "$3"
}
refuse() {
  f="\\"$f\\": $1"
  entry x 0 ''
  exit 1
}
for f do
  line=$(ls -ldn$follow "$f" 2>/dev/null) || continue
  mode=\${line%% *}
  stamp=0
  case $mode in
    l*)
      target=$(readlink "$f" && echo x) || refuse 'it cannot be read'
      entry 2 0 "\${target%?x}"
      continue
      ;;
  esac
  stamp=$(date -r "$f" +%s 2>/dev/null) || stamp=0
  case $mode in
    d*) entry 5 0 '' ;;
    -*)
      [ -r "$f" ] || refuse 'Permission denied'
      size=$(wc -c <"$f") || refuse 'it cannot be read'
      size=$((size))
      entry 0 "$size" ''
      [ "$size" != 0 ] || continue
      { cat "$f" && cat /dev/zero; } 2>/dev/null | take "$size" 2>/dev/null
      [ "$(wc -c <"$f")" -ge "$size" ] || refuse 'it became shorter meanwhile'
      ;;
    *) refuse 'it is a special file' ;;
  esac
done`;

/** \`plain follow path…\` and \`plain_tree\`, which sends the working directory. */
export const GET_PLAIN: ShellText = `
entries=${quote(ENTRIES)}
plain() {
  sh -c "$entries" sh "$@" && printf 'end\\000'
}
plain_tree() {
  find . -exec sh -c "$entries" sh '' {} + && printf 'end\\000'
}`;
