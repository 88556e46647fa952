import { deliver, type Delivery } from './http-call.ts';

const POST_MS = 10_000;
const LONGEST_TEXT = 3_000;

/** An incoming webhook. Its url is a secret: whoever has it can post. */
export interface NotificationTarget {
  url: string;
  /** `slack`: one text, as Slack, Mattermost, Rocket.Chat and Discord's `/slack` take it. `json`: the notification itself. */
  form: 'slack' | 'json';
  caFile?: string;
}

export interface Notification {
  /** What it is about, such as `GitSync/default/cluster`. */
  subject: string;
  severity: 'info' | 'error';
  reason: string;
  message: string;
  /** The commit's id. */
  revision?: string;
  at: Date;
}

/** Sends the notification. Never throws. */
export function notify(
  target: NotificationTarget,
  notification: Notification,
  signal?: AbortSignal,
): Promise<Delivery> {
  const body = target.form === 'slack' ? { text: slackText(notification) } : notification;
  return deliver(target.url, body, { ca: target.caFile, withinMs: POST_MS, ...(signal && { signal }) });
}

/** api.slack.com/reference/surfaces/formatting: three characters are escaped, else a text could mention everybody. */
function slackText({ subject, severity, reason, message, revision }: Notification): string {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const sign = severity === 'error' ? ':red_circle:' : ':large_green_circle:';
  const at = revision === undefined ? '' : ` at ${revision.slice(0, 12)}`;
  return `${sign} *${escaped(subject)}* ${escaped(reason)}${escaped(at)}\n${escaped(message).slice(0, LONGEST_TEXT)}`;
}
