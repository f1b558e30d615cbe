/** The smallest of the texts that were added, so many of them and each once, in order. */
export interface Smallest {
  /** Whether it would be among them. */
  admits(text: string): boolean;
  add(text: string): void;
  all(): string[];
}

export function smallestOf(size: number, known: readonly string[]): Smallest {
  const kept = [...known];
  /** Index of the first that is not before the text. */
  function placeOf(text: string): number {
    let [low, high] = [0, kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((kept[middle] ?? '') < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  const admits = (text: string): boolean => {
    const place = placeOf(text);
    return place < size && kept[place] !== text;
  };
  return {
    admits,
    add(text) {
      if (!admits(text)) return;
      kept.splice(placeOf(text), 0, text);
      if (kept.length > size) kept.pop();
    },
    all: () => [...kept],
  };
}
