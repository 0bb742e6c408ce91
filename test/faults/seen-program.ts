import { openDatabase } from '../../src/postgres/database.ts';
import { openReader } from '../../src/postgres/reader.ts';
import { createSeenIds } from '../../src/sync/seen.ts';

/** What a run does that goes on with a long one, in a process whose memory is its alone. */
const [url = '', runId = ''] = process.argv.slice(2);
const database = openDatabase(url);
const reader = openReader(database, 'default', new AbortController().signal);
await reader.workspace();
/** What is still held after the rubbish was taken out: the process itself has room to spare. */
function heldBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
const beforeBytes = heldBytes();
let mostBytes = beforeBytes;
let pages = 0;

const seen = createSeenIds();
let read = 0;
let known = 0;
for await (const ids of reader.seenIds(runId)) {
  read += ids.length;
  for (const id of ids) if (seen.has(id)) known += 1;
  ids.forEach(seen.add);
  pages += 1;
  if (pages % 1_000 === 0) mostBytes = Math.max(mostBytes, heldBytes());
}
const counted = await reader.countSeen(runId);
const unseen = await reader.unseenUsers(runId, null, 200);
mostBytes = Math.max(mostBytes, heldBytes());

process.stdout.write(
  JSON.stringify({ read, known, counted, unseen, grownMb: (mostBytes - beforeBytes) / 2 ** 20 }),
);
await database.close();
