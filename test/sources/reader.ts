/** A program for the kill test: follows a file and saves lines and position in one transaction, as the agent does. */
import { DatabaseSync } from 'node:sqlite';
import { createFileSource } from '../../host-agent/sources/file.ts';

const [path = '', database = ''] = process.argv.slice(2);
const db = new DatabaseSync(database, { timeout: 10_000 });
db.exec(
  'PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS lines(text TEXT); CREATE TABLE IF NOT EXISTS place(json TEXT)',
);
const saved = db.prepare('SELECT json FROM place').get();
const position = typeof saved?.['json'] === 'string' ? saved['json'] : undefined;
const ports = { now: () => Date.now() / 1000, onError: (error: Error) => console.log(`error: ${error.message}`) };
const insert = db.prepare('INSERT INTO lines VALUES (?)');
await createFileSource({ path, position }, ports).run((batch) => {
  // now and then there is time for some of the lines only
  const count = Math.random() < 0.3 ? Math.ceil(batch.lines.length / 2) : batch.lines.length;
  const place = count < batch.lines.length ? batch.takeOnly(count) : batch.position;
  db.exec('BEGIN IMMEDIATE');
  for (const line of [...batch.lines].slice(0, count)) insert.run(Buffer.from(line.bytes).toString());
  db.exec('DELETE FROM place');
  db.prepare('INSERT INTO place VALUES (?)').run(place);
  db.exec('COMMIT');
}, new AbortController().signal);
