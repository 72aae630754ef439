import { UsageError } from '../errors.ts';

/** What a command line copies: `term` is the selector before the colon, '' if there is none. */
export interface CopyTerms {
  readonly direction: 'to' | 'from';
  readonly term: string;
  readonly sources: readonly string[];
  readonly destination: string;
}

interface Place {
  readonly given: string;
  /** Null: a path of this computer. */
  readonly term: string | null;
  readonly path: string;
}

const SHAPES = 'A place on machines is written SELECTOR:PATH, such as "web:/etc/hosts" or "*:~/file".';

/** Reads `SRC… DST`, of which one side is on machines. Throws `UsageError`. */
export function copyTerms(words: readonly string[]): CopyTerms {
  const places = words.map(placeOf);
  const destination = places.at(-1);
  const sources = places.slice(0, -1);
  const [first] = sources;
  if (destination === undefined || first === undefined)
    throw new UsageError('Cannot copy: the destination is missing', 'It is the last word, as with cp.');
  const other = sources.find(({ term }) => term !== first.term);
  if (other !== undefined)
    throw new UsageError(
      `Cannot copy "${first.given}" together with "${other.given}": they are in different places`,
      'Copy them one after the other.',
    );
  const from = sources.map(({ path }) => path);
  if (first.term === null) {
    if (destination.term === null) throw new UsageError('Cannot copy: neither side is on machines', SHAPES);
    return { direction: 'to', term: destination.term, sources: from, destination: destination.path };
  }
  if (destination.term !== null)
    throw new UsageError(
      'Cannot copy: both sides are on machines',
      'Copy to this computer first, then from it. A file of this computer with a colon is written "./a:b".',
    );
  return { direction: 'from', term: first.term, sources: from, destination: destination.path };
}

/** As scp does: what is before the first colon says where, unless a slash is in it. */
function placeOf(given: string): Place {
  const colon = given.indexOf(':');
  const slash = given.indexOf('/');
  if (colon < 0 || (slash >= 0 && slash < colon)) {
    if (given === '') throw new UsageError('Cannot copy: a path is empty');
    return { given, term: null, path: given };
  }
  const path = given.slice(colon + 1);
  return { given, term: given.slice(0, colon), path: path === '' ? '~' : path };
}
