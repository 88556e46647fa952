import type { WebSocket } from 'ws';
import type { Clock } from '../../../base/clock.ts';
import { heartbeat } from '../../../base/heartbeat.ts';
import { AHEAD, LEAVE_MS } from './exec-session.ts';
import type { Input, Peer } from './exec-session.ts';

/** Kubernetes' channel protocol: the first byte of a message. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 } as const;
/** Of v5: the channel that follows is closed. */
const CLOSE = 0xff;

/** A client over a WebSocket, until the WebSocket is closed. */
export function webSocketPeer(ws: WebSocket, clock: Clock): Peer {
  const stopBeating = heartbeat(ws, clock, () => ws.terminate());
  const send = (channel: number, data: Buffer, sent?: () => void) =>
    ws.send(Buffer.concat([Buffer.from([channel]), data]), sent);
  return {
    listen({ input, moved, failed }) {
      ws.on('message', (data: Buffer) => {
        moved();
        const said = inputOf(data);
        if (said) input(said);
      });
      ws.on('error', failed);
    },
    deliver(stream, data, signal) {
      return new Promise((resolve) => {
        const done = () => {
          signal.removeEventListener('abort', done);
          resolve();
        };
        send(CHANNEL[stream], data, done);
        if (ws.bufferedAmount <= AHEAD || signal.aborted) resolve();
        else signal.addEventListener('abort', done, { once: true });
      });
    },
    end: (status) => send(CHANNEL.status, Buffer.from(JSON.stringify(status)), () => undefined),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    leave() {
      stopBeating();
      // The client's answer to the close is waited for, and has to be read.
      const cut = clock.after(LEAVE_MS, () => ws.terminate());
      ws.once('close', () => cut.cancel());
      ws.resume();
      ws.close(1000);
    },
  };
}

function inputOf(message: Buffer): Input | undefined {
  const [channel, data] = [message[0], message.subarray(1)];
  if (channel === CHANNEL.stdin) return { is: 'data', data };
  if (channel === CHANNEL.resize) return { is: 'size', json: data };
  return channel === CLOSE && data[0] === CHANNEL.stdin ? { is: 'end' } : undefined;
}
