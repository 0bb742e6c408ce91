import type { Socket } from 'node:net';

export const READY = 'Z';
export const SYNC = 'S';
export const EXECUTE = 'E';
export const SYNC_ALONE = Buffer.from('S\0\0\0\u0004');
/** Asks the server to say what it has to say so far. */
export const FLUSH = Buffer.from('H\0\0\0\u0004');

/** Parse, Bind, Describe, Execute, Close: of one statement or several, up to the Sync behind them. */
export function isBeforeSync(type: string): boolean {
  return /^[PBDEC]$/.test(type);
}

/** Of a statement in a batch: it is done, failed, was of nothing, or has no more rows for now. */
export function endsStatement(answer: string): boolean {
  return /^[CEIs]$/.test(answer);
}

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
export function refusal(sqlstate: string, isLast: boolean): Buffer {
  const text = `do $$ begin raise sqlstate '${sqlstate}'; end $$\0`;
  // Nameless, and without parameters.
  const inBatch = [
    message('P', `\0${text}\0\0`),
    message('B', '\0'.repeat(8)),
    message('E', '\0'.repeat(5)),
  ];
  return isLast ? message('Q', text) : Buffer.concat(inBatch);
}

function message(type: string, content: string): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`);
  head.writeInt32BE(4 + Buffer.byteLength(content), 1);
  return Buffer.concat([head, Buffer.from(content)]);
}
