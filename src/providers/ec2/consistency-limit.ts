/** Milliseconds after which everything at EC2 knows of what was made, changed or removed. */
export const CONSISTENCY_LIMIT = 60_000;
