// Sentences as lines that fit a terminal. A word that is longer than a line (a digest) stays whole, to be copied.

export interface Wrapping {
  readonly width: number;
  /** In front of the first line, and of the others. */
  readonly first: string;
  readonly rest: string;
}

export function wrapped(sentence: string, { width, first, rest }: Wrapping): readonly string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of sentence.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = rest;
      isEmpty = true;
    }
    line = isEmpty ? `${line}${word}` : `${line} ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
