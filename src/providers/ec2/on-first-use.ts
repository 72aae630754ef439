/** Opens something when it is needed first, and has it closed with the rest. */
export function onFirstUse<T extends { close(): void }>(
  open: () => Promise<T>,
  closers: (() => void)[],
): () => Promise<T> {
  let opened: Promise<T> | null = null;
  const openOnce = async (): Promise<T> => {
    const thing = await open();
    closers.push(() => thing.close());
    return thing;
  };
  return () => (opened ??= openOnce());
}
