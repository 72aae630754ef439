/** Beyond it, what is remembered is what chance drew, which does not come again. */
const MOST = 50;

/**
 * Makes a value for each key once. Tests that kill an operation at every moment read one plan a thousand times. A key is
 * JSON, and all that its value is made of.
 */
export function remember<Value>(): (key: readonly unknown[], make: () => Value) => Value {
  const known = new Map<string, Value>();
  return (key, make) => {
    const text = JSON.stringify(key);
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = make();
    if (known.size >= MOST) known.clear();
    known.set(text, value);
    return value;
  };
}
