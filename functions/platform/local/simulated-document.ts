/** What can be counted in a text, in plain sentences. */
export function describeText(text: string): string {
  const lines = text.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== '');
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  const frequent = frequentWords(words);
  const often = frequent.length === 0 ? '' : ` Most frequent longer words: ${frequent.join(', ')}.`;
  const first = lines[0] === undefined ? '' : ` It begins with "${lines[0].trim().slice(0, 80)}".`;
  const size = [plural(lines.length, 'line'), plural(words.length, 'word')].join(', ');
  return `Simulated answer, counted and not understood. The text has ${size} and ${plural(text.length, 'character')}.${often}${first}`;
}

/** What can be counted in a PDF without decoding its streams. */
export function describePdf(bytes: Uint8Array): string {
  const pages =
    Buffer.from(bytes)
      .toString('latin1')
      .match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
  const counted = pages === 0 ? 'an unknown number of pages' : plural(pages, 'page');
  return `Simulated answer, counted and not understood. The PDF document has ${counted} and ${bytes.length} bytes.`;
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function frequentWords(words: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const word of words)
    if (word.length > 4) counts.set(word.toLowerCase(), (counts.get(word.toLowerCase()) ?? 0) + 1);
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, 5)
    .map(([word]) => word);
}
