import type { JsonSchema } from '../../api/kind.ts';
import { QUALIFIED } from '../../api/label-patterns.ts';
import { duration } from '../shared/schemas.ts';

const NAME = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';
const text = (description: string, maxLength = 255): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  description,
});
const name = (description: string): JsonSchema => ({
  type: 'string',
  maxLength: 253,
  pattern: NAME,
  'x-expected': 'a name of lower-case letters, digits, "-" and "."',
  description,
});
const patterns = (description: string): JsonSchema => ({
  type: 'array',
  maxItems: 64,
  items: { type: 'string', minLength: 1, maxLength: 255 },
  description,
});
const commit: JsonSchema = {
  type: 'string',
  maxLength: 80,
  pattern: '^([0-9a-f]{40}|folder@[0-9a-f]+)$',
  'x-expected': 'the whole id of a commit, 40 hex digits',
};

const ref: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description:
    "Which commit: exactly one of its fields. Left out, the remote's default branch. Of no meaning for a plain folder.",
  properties: {
    branch: text('The newest commit of this branch.'),
    tag: text('The commit of this tag.'),
    semver: text('The commit of the highest tag in this range, such as ">=1.2.0 <2".', 128),
    commit: { ...commit, description: 'This very commit.' },
  },
};

const substitute: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Fills ${NAME} in the files before they are read; $${ stays ${. Without it, nothing is filled.',
  properties: {
    variables: {
      type: 'object',
      maxProperties: 256,
      propertyNames: {
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        'x-expected': 'letters, digits and "_", not beginning with a digit',
      },
      additionalProperties: { type: 'string', maxLength: 4_096 },
      description: 'The values by name. They go before those of `from`.',
    },
    from: {
      type: 'array',
      maxItems: 16,
      description: 'All keys of these; a later one goes before an earlier one.',
      items: {
        type: 'object',
        additionalProperties: false,
        properties: {
          configMap: name('A ConfigMap of the same namespace.'),
          secret: name('A Secret of the same namespace.'),
        },
      },
    },
  },
};

const ignore: JsonSchema = {
  type: 'array',
  maxItems: 64,
  description: 'Fields that are left as they are once an object is there.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['kind', 'fields'],
    properties: {
      kind: text('The kind of the objects.', 63),
      selector: {
        type: 'object',
        maxProperties: 16,
        propertyNames: { pattern: QUALIFIED, 'x-expected': 'a label key such as app or example.com/team' },
        additionalProperties: { type: 'string', maxLength: 63 },
        description: 'Only those with these labels.',
      },
      fields: {
        type: 'array',
        minItems: 1,
        maxItems: 32,
        items: {
          type: 'string',
          maxLength: 512,
          pattern: '^(/[^/]*)+$',
          'x-expected': 'a JSON pointer such as /spec/template/spec/image',
        },
        description: 'Their JSON pointers.',
      },
    },
  },
};

export const gitSyncSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      ...text(
        'The repository: https, http, ssh (also git@host:path) or file, without credentials in it. A file url may name a plain folder, which is synced on save. Immutable.',
        2_048,
      ),
      'x-also-known-as': ['repo', 'repoURL', 'repository'],
    },
    ref: { ...ref, 'x-also-known-as': ['targetRevision', 'revision'] },
    path: {
      ...text(
        'The folder in the repository. With a * in it, such as apps/*, each folder that matches is applied by itself: a bad one blocks only itself.',
        1_024,
      ),
      default: '.',
    },
    include: patterns('Files that are read, as in .gitignore. Left out: *.yaml, *.yml and *.json.'),
    exclude: patterns('Files that are not read, beside those that are known to be of other programs.'),
    interval: duration('The remote is asked this often.', '1m'),
    schedule: text('A cron expression: the remote is asked then, in place of every interval.', 128),
    timeZone: { ...text('Of the schedule, such as Europe/Berlin.', 64), default: 'UTC' },
    forcePush: {
      type: 'string',
      enum: ['Block', 'Follow'],
      default: 'Block',
      description:
        'What follows when the branch was rewritten, so that the commit that is applied is no longer in its history: wait until a person allows it, or go on.',
    },
    prune: {
      type: 'boolean',
      default: false,
      description: 'Whether an object that is no longer in the repository is deleted.',
    },
    pruneGuard: {
      'x-kubernetes-int-or-string': true,
      default: '30%',
      description:
        'The most objects that one commit may delete; a number, or a percentage of all that it keeps (rounded down, but one at least). More than that is blocked and told.',
    },
    wait: {
      type: 'boolean',
      default: true,
      description: 'Whether Ready means that every object is Ready, and not only that it was applied.',
    },
    timeout: duration('A commit whose objects are not Ready after so long has failed.', '5m'),
    retryInterval: duration('After so long a commit that could not be applied is tried again.', '1m'),
    dependsOn: {
      type: 'array',
      maxItems: 32,
      uniqueItems: true,
      items: {
        type: 'string',
        maxLength: 50,
        pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
        'x-expected': 'the name of a GitSync',
      },
      description: 'Other syncs of the namespace that have to be Ready first.',
    },
    suspend: {
      type: 'boolean',
      default: false,
      description: 'While true, nothing is fetched, applied or put back.',
    },
    force: {
      type: 'boolean',
      default: false,
      description:
        'Whether a count that a person or a policy has set is put back, too, where the file says one. Everything else is put back always.',
    },
    targetNamespace: name(
      'The namespace of every object, whatever the files say. Left out: what they say, else that of the sync; who makes such a sync may do everything.',
    ),
    substitute,
    ignore,
    mode: {
      type: 'string',
      enum: ['Correct', 'Detect'],
      default: 'Correct',
      description: 'Whether what was changed by hand is put back, or only told.',
    },
    onFailure: {
      type: 'string',
      enum: ['Stay', 'RollBack'],
      default: 'Stay',
      description:
        'What follows when the objects of a commit are not Ready in time: stay there, or go back to the last commit that was healthy, until another one comes.',
    },
    deletionPolicy: {
      type: 'string',
      enum: ['Keep', 'Delete'],
      default: 'Keep',
      description: 'What becomes of the objects when the sync is deleted.',
    },
    credentials: name(
      'A Secret of the namespace: username and password (or token), or ssh-privatekey with known_hosts, and ca.crt.',
    ),
    verify: {
      type: 'object',
      additionalProperties: false,
      description:
        'Only commits are applied that one of these keys has signed: each value is an SSH public key, or an armored OpenPGP one.',
      properties: {
        configMap: name('A ConfigMap of the namespace.'),
        secret: name('A Secret of the namespace.'),
      },
    },
    decrypt: {
      type: 'object',
      additionalProperties: false,
      required: ['secret'],
      description: 'Decrypts what sops (for age recipients) or age has encrypted in the files.',
      properties: {
        secret: name(
          'A Secret of the namespace: each key whose name ends in .agekey, and `identity`, holds age identities (AGE-SECRET-KEY-1…), one a line.',
        ),
      },
    },
    webhook: name(
      'A Secret of the namespace, whose key `secret` is that of the webhook: a push told to /hooks/git/NAMESPACE/NAME is synced at once.',
    ),
    notify: {
      type: 'object',
      additionalProperties: false,
      required: ['secret'],
      description: 'Where failures and recoveries are told, once each.',
      properties: {
        secret: name('A Secret of the namespace, whose key `url` is that of an incoming webhook.'),
        form: {
          type: 'string',
          enum: ['slack', 'json'],
          default: 'slack',
          description: "One text, as Slack and others take it, or the notification's fields as JSON.",
        },
      },
    },
    commitStatus: {
      type: 'object',
      additionalProperties: false,
      required: ['forge'],
      description: 'Posts how it ended beside the commit, by the token of `credentials`.',
      properties: {
        forge: { type: 'string', enum: ['github', 'gitlab', 'gitea'], description: 'Whose form.' },
        apiUrl: text("Where the forge's API is; left out, at the repository's host.", 2_048),
      },
    },
    pin: {
      type: 'object',
      additionalProperties: false,
      required: ['commit'],
      description: 'Holds the sync at this commit, whatever the remote has. Set by miniaws rollback.',
      properties: {
        commit: { ...commit, description: 'The commit.' },
        until: {
          type: 'string',
          maxLength: 40,
          pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$',
          'x-expected': 'a time such as 2026-01-31T08:00:00Z',
          description: 'Until this time; for good when left out.',
        },
      },
    },
  },
};

const seen = (description: string): JsonSchema => ({
  type: 'object',
  description,
  properties: {
    commit: { type: 'string', description: 'The commit.' },
    ref: { type: 'string', description: 'What it was found by.' },
    at: { type: 'string', description: 'Since when.' },
  },
});

export const gitSyncStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    phase: { type: 'string', description: 'Pending, Syncing, Synced, Failed, Suspended or Deleting.' },
    observed: seen('The newest commit at the remote.'),
    applied: seen('The last commit that was applied as a whole.'),
    folders: {
      type: 'array',
      description: 'The commit that each folder was applied of.',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string', description: 'The folder.' },
          commit: { type: 'string', description: 'The commit.' },
        },
      },
    },
    filledWith: { type: 'string', description: 'A digest of what the spec and its variables made of the files.' },
    healthy: seen('The last commit of which everything was Ready.'),
    rolledBack: {
      type: 'object',
      description: 'It went back by itself.',
      properties: {
        from: { type: 'string', description: 'From this commit.' },
        to: { type: 'string', description: 'To this one.' },
        why: { type: 'string', description: 'What had failed.' },
      },
    },
    operation: {
      type: 'object',
      description: 'What it did last, or is doing, for one commit.',
      properties: {
        commit: { type: 'string', description: 'The commit.' },
        why: { type: 'string', description: 'Why that one: newest, pinned or rolledBack.' },
        startedAt: { type: 'string', description: 'When it began.' },
        author: { type: 'string', description: 'Whose commit it is.' },
        subject: { type: 'string', description: 'What its message begins with.' },
        committedAt: { type: 'string', description: 'When it was committed.' },
        created: { type: 'integer', description: 'How many objects it made.' },
        changed: { type: 'integer', description: 'How many it changed.' },
        deleted: { type: 'integer', description: 'How many it deleted.' },
        objects: { type: 'array', items: { type: 'string' }, description: 'The first of them.' },
        result: { type: 'string', description: 'The reason of Ready that it ended with.' },
        message: { type: 'string', description: 'What Ready said then.' },
        endedAt: { type: 'string', description: 'When it ended.' },
      },
    },
    told: {
      type: 'object',
      description: 'How it ended, as others were told last.',
      properties: {
        commit: { type: 'string', description: 'Of which commit.' },
        state: { type: 'string', description: 'success or failure.' },
        reason: { type: 'string', description: 'The reason of Ready.' },
      },
    },
    objects: { type: 'integer', description: 'How many objects it keeps.' },
  },
};
