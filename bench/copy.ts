import pg from 'pg';
import { type Edition, makeTexts, userText } from './api/people.ts';
import type { BenchDatabase } from './postgres.ts';

/** What the protocol needs to be told; pg has it, and its types do not. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const CHUNK_CHARS = 65_536;
const COPY =
  'copy intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at) from stdin';

/** The rows of these users in COPY's own format, ready to be sent. */
export function makeCopyChunks(users: number, edition: Edition): Buffer[] {
  const texts = makeTexts(users, edition);
  const at = '2025-06-01T00:00:00Z';
  const chunks: Buffer[] = [];
  let chunk = '';
  for (let slot = 0; slot < users; slot += 1) {
    const raw = userText(texts, slot);
    // JSON has no raw tabs or line ends; what is left to escape is the escapes.
    const id = raw.slice(raw.indexOf('"id":"') + 6, raw.indexOf('"id":"') + 30);
    chunk += `bench\t${id}\tusers\t${raw.replaceAll('\\', '\\\\')}\t${at}\t${at}\n`;
    if (chunk.length < CHUNK_CHARS && slot < users - 1) continue;
    chunks.push(Buffer.from(chunk));
    chunk = '';
  }
  return chunks;
}

/** Milliseconds for one COPY in one transaction into the program's own table, which is empty. */
export async function timeCopy(
  database: BenchDatabase,
  chunks: readonly Buffer[],
  users: number,
): Promise<number> {
  await database.query('truncate intercom.users');
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const startedMs = performance.now();
    await client.query('begin');
    await copyIn(client, chunks);
    await client.query('commit');
    const elapsedMs = performance.now() - startedMs;
    const { rows } = await client.query('select count(*)::integer as count from intercom.users');
    if (rows[0]?.count !== users) throw new Error(`COPY left ${rows[0]?.count} rows of ${users}`);
    return elapsedMs;
  } finally {
    await client.end();
  }
}

function copyIn(client: pg.Client, chunks: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    class CopyQuery extends pg.Query {
      handleCopyInResponse(connection: CopyConnection): void {
        for (const chunk of chunks) connection.sendCopyFromChunk(chunk);
        connection.endCopyFrom();
      }
    }
    const query = new CopyQuery(COPY);
    query.on('end', () => resolve());
    query.on('error', reject);
    client.query(query);
  });
}
