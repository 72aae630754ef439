import { distance } from 'fastest-levenshtein';

/** The candidate that `word` was probably meant to be, or null when none is near. The case of letters hardly counts. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const far = farness(word, candidate);
    if (far < bestDistance) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

/** Edits between two words; letters in another order, or of another case, are less than one. */
function farness(word: string, candidate: string): number {
  if (word.length === candidate.length && letters(word) === letters(candidate)) return 0.5;
  return Math.min(distance(word, candidate), 0.5 + distance(word.toLowerCase(), candidate.toLowerCase()));
}

function letters(word: string): string {
  return Array.from(word).sort().join('');
}

/** `Did you mean "count"?`, or null when no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const near = nearest(word, candidates);
  return near === null ? null : `Did you mean "${near}"?`;
}
