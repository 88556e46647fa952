import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TestDatabase } from './database.ts';

export interface SlowDatabase extends TestDatabase {
  /** Connections that are open now: none is left behind. */
  close(): Promise<void>;
}

/** The same database behind a connection on which every answer is late by `eachMs`, and one in `oftenness` by `sometimesMs`. */
export async function slowDatabase(
  database: TestDatabase,
  { eachMs, sometimesMs, oftenness }: { eachMs: number; sometimesMs: number; oftenness: number },
): Promise<SlowDatabase> {
  const target = new URL(database.url);
  const sockets = new Set<Socket>();
  let answers = 0;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const end = () => void (near.destroy(), far.destroy());
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => (sockets.delete(socket), end()));
    }
    near.pipe(far);
    // In their order: one that is very late holds up those behind it on its connection.
    let line = Promise.resolve();
    far.on('data', (data: Buffer) => {
      const ms = ++answers % oftenness === 0 ? sometimesMs : eachMs;
      line = line.then(
        () =>
          new Promise<void>((resolve) => {
            setTimeout(() => {
              near.write(data);
              resolve();
            }, ms);
          }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(database.url);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    ...database,
    url: url.href,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
