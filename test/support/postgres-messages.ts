import type { Socket } from 'node:net';

export const READY = 'Z';
/** Parse, Bind, Describe, Execute, Close: one statement together with the Sync behind them. */
export const PARTS_BEFORE_SYNC = new Set(['P', 'B', 'D', 'E', 'C']);
const TLS_REQUEST = 80_877_103;

/** A type byte and a length that counts itself; what a client says first has no type byte. */
export async function* messagesOf(
  socket: Socket,
  isClient: boolean,
): AsyncGenerator<{ readonly type: string; readonly bytes: Buffer }> {
  let rest = Buffer.alloc(0);
  let typeBytes = isClient ? 0 : 1;
  try {
    for await (const chunk of socket) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= typeBytes + 4) {
        const size = typeBytes + rest.readInt32BE(typeBytes);
        if (rest.length < size) break;
        const bytes = rest.subarray(0, size);
        rest = rest.subarray(size);
        const isTlsRequest = typeBytes === 0 && bytes.readInt32BE(4) === TLS_REQUEST;
        const type = typeBytes === 1 ? String.fromCharCode(bytes[0] ?? 0) : 'startup';
        if (!isTlsRequest) typeBytes = 1;
        yield { type: isTlsRequest ? 'TLS?' : type, bytes };
      }
    }
  } catch (error) {
    // Reset, by a side that died or by us: nothing more comes. Whatever else it is, is a bug.
    if (!socket.destroyed) throw error;
  }
}

/** Query: the text. Parse: a name, then the text. Each ends with a zero byte. */
export function textOf(type: 'Q' | 'P', bytes: Buffer): string {
  const start = type === 'Q' ? 5 : bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}

/** In place of the statement, one that the server itself refuses: its transaction fails for real. */
export function refusal(sqlstate: string): Buffer {
  const text = Buffer.from(`do $$ begin raise sqlstate '${sqlstate}'; end $$\0`);
  const head = Buffer.from('Q\0\0\0\0');
  head.writeInt32BE(4 + text.length, 1);
  return Buffer.concat([head, text]);
}
