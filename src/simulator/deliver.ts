import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import type { Faults } from './faults.ts';
import type { Delivery } from './mishaps.ts';

const DRIP_INTERVAL_MS = 200;

/** Puts an answer on the wire, whole or in one of the ways in which answers fail to arrive. */
export async function deliver(
  response: ServerResponse<IncomingMessage>,
  answer: Answer,
  delivery: Delivery | undefined,
  faults: Faults,
  stopped: AbortSignal,
): Promise<void> {
  const body = Buffer.from(answer.body, 'utf8');
  const half = body.subarray(0, Math.floor(body.length / 2));
  if (delivery === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  // Frozen: the connection stays open, and nothing comes until one of the two sides gives up.
  if (delivery === 'freeze') return;
  if (delivery === 'slow') await pause(faults.slowMs, stopped);
  if (stopped.aborted || response.destroyed) return;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(body.length) });
  if (delivery === 'cut') response.write(half, () => response.socket?.destroy());
  else if (delivery === 'freezeMidway') response.write(half);
  else if (delivery === 'drip') await drip(response, body, faults, stopped);
  else response.end(body);
}

async function drip(
  response: ServerResponse<IncomingMessage>,
  body: Buffer,
  faults: Faults,
  stopped: AbortSignal,
): Promise<void> {
  let sent = 0;
  while (sent < body.length && !stopped.aborted && !response.destroyed) {
    const size = Math.max(1, Math.round((faults.dripBytesPerSecond * DRIP_INTERVAL_MS) / 1000));
    response.write(body.subarray(sent, sent + size));
    sent += size;
    await pause(DRIP_INTERVAL_MS, stopped);
  }
  response.end();
}

/** Ends early, and without an error, when the simulator closes. */
export function pause(milliseconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted || milliseconds <= 0) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    stopped.addEventListener('abort', finish);
  });
}
