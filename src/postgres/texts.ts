/** In the rows of a statement that Drizzle did not build, instants and counts are text. */
export function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

export function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
