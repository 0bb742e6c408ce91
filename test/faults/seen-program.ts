import { openDatabase } from '../../src/postgres/database.ts';
import { openReader } from '../../src/postgres/reader.ts';
import { createSeenIds } from '../../src/sync/seen.ts';

/** What a run does that goes on with a long one, in a process whose memory is its alone. */
const [url = '', runId = ''] = process.argv.slice(2);
const database = openDatabase(url);
const reader = openReader(database, 'default', new AbortController().signal);
await reader.workspace();
const peakKb = () => process.resourceUsage().maxRSS;
const beforeKb = peakKb();

const seen = createSeenIds();
let read = 0;
let known = 0;
for await (const ids of reader.seenIds(runId)) {
  read += ids.length;
  for (const id of ids) if (seen.has(id)) known += 1;
  ids.forEach(seen.add);
}
const counted = await reader.countSeen(runId);
const unseen = await reader.unseenUsers(runId, null, 200);

process.stdout.write(
  JSON.stringify({ read, known, counted, unseen, grownMb: (peakKb() - beforeKb) / 1024 }),
);
await database.close();
