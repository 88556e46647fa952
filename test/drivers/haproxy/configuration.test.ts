import { describe, expect, it } from 'vitest';
import { PassError } from '../../../src/base/errors.ts';
import {
  fileOf,
  renderConfig,
  serverOptionsIn,
  structureIn,
  structureOf,
} from '../../../src/drivers/haproxy/configuration.ts';
import type { ProxyBackend, ProxyConfig } from '../../../src/drivers/proxies.ts';
import { config } from '../proxies/context.ts';

const plain = config({ s2: '10.0.0.2', s1: '10.0.0.1' });
const app = plain.backends[0]!;
const withApp = (more: Partial<ProxyBackend>): ProxyConfig => ({ ...plain, backends: [{ ...app, ...more }] });
const withRules = (rules: ProxyConfig['listeners'][number]['rules']): ProxyConfig => ({
  ...plain,
  listeners: [{ name: 'web', port: 80, acceptProxy: false, rules }],
});
const lines = (wanted: ProxyConfig): string[] =>
  renderConfig(wanted)
    .split('\n')
    .map((line) => line.trim());

describe('the rendered configuration', () => {
  it('is the same text in whatever order its lists came', () => {
    const turned = {
      ...plain,
      listeners: plain.listeners.toReversed(),
      backends: plain.backends.toReversed().map((b) => ({ ...b, servers: b.servers.toReversed() })),
    };
    expect(renderConfig(turned)).toBe(renderConfig(plain));
    expect(lines(plain).filter((line) => /^server s\d /.test(line))).toEqual([
      'server s1 10.0.0.1:80',
      'server s2 10.0.0.2:80',
    ]);
  });

  it('hands what comes in on connections of before a reload over as it came, with the client’s address', () => {
    const text = lines(plain);
    const at = (line: string) => text.indexOf(line);
    const allow = at('http-request allow if { stopping }');
    expect(allow).toBe(text.findIndex((line) => line.startsWith('http-request ')));
    expect(at('use_backend handover_8080 if { stopping }')).toBeGreaterThan(allow);
    expect(at('use_backend handover_8080 if { stopping }')).toBeLessThan(at('default_backend app'));
    expect(text).toContain('bind 127.0.0.3:8080 accept-proxy');
    expect(text).toContain('server now 127.0.0.3:8080 send-proxy-v2');
    expect(renderConfig({ ...plain, mode: 'tcp' })).not.toMatch(/127\.0\.0\.3|stopping/);
  });

  it('gives web sockets a time of their own, and TCP the same as other connections', () => {
    const wanted = { ...plain, tunnelTimeoutMs: 3_600_000 };
    expect(lines(wanted)).toContain('timeout tunnel 3600000ms');
    expect(lines({ ...wanted, mode: 'tcp' })).toContain('timeout tunnel 60000ms');
  });

  it('keeps the admin interface on the container’s own loopback, and logs neither a request’s line nor its headers', () => {
    const text = renderConfig(plain);
    expect(text.match(/stats socket .*/g)).toEqual([
      'stats socket ipv4@127.0.0.1:9900 level admin expose-fd listeners',
    ]);
    // What went wrong, and of it where and how: no %r, %H… or captured header.
    expect(text.match(/^ +log .*/gm)).toEqual(['  log stdout format raw local0 err', '  log global']);
    expect(text).not.toMatch(/^\s*(option httplog|option tcplog|capture)/m);
    expect(text.match(/^ +log-format .*/m)?.[0]).not.toMatch(/%(r|hr|hs|H\w+)\b|%\[/);
  });

  it.each<[string, ProxyConfig, string[]]>([
    ['round robin', withApp({ algorithm: 'roundRobin' }), ['balance roundrobin']],
    ['least connections', withApp({ algorithm: 'leastConn' }), ['balance leastconn']],
    [
      'by source, which takes servers at run time',
      withApp({ algorithm: 'source' }),
      ['balance source', 'hash-type consistent'],
    ],
    [
      'a cookie',
      withApp({ stickyCookie: 'SRV' }),
      ['cookie SRV insert indirect nocache httponly dynamic', 'dynamic-cookie-key app'],
    ],
    [
      'the PROXY protocol towards servers, in checks too',
      withApp({ sendProxy: true }),
      ['default-server check inter 300ms rise 1 fall 2 send-proxy-v2 check-send-proxy'],
    ],
    [
      'the PROXY protocol from clients',
      { ...plain, listeners: [{ name: 'web', port: 81, acceptProxy: true, rules: [] }] },
      ['bind *:81 accept-proxy'],
    ],
    [
      'an http check',
      withApp({}),
      [
        'option httpchk',
        "http-check send meth GET uri '/' ver HTTP/1.1 hdr Host app hdr User-Agent miniaws-health-check",
        'http-check expect status 200',
        'timeout check 500ms',
      ],
    ],
    [
      'its own times and bounds',
      plain,
      [
        'hard-stop-after 20000ms',
        'maxconn 500',
        'timeout client 60000ms',
        'timeout server 60000ms',
        'timeout tunnel 60000ms',
      ],
    ],
    ['room for heads of 64 KB', plain, ['tune.bufsize 71680', 'tune.maxrewrite 4096']],
    [
      'connections that fail, and nothing else, tried again elsewhere',
      plain,
      ['option redispatch 1', 'retry-on conn-failure'],
    ],
  ])('says %s', (_what, wanted, expected) => expect(lines(wanted)).toEqual(expect.arrayContaining(expected)));

  it('X-Forwarded-… are what is so, and a client’s own only those of a trusted proxy', () => {
    const set = (wanted: ProxyConfig) => lines(wanted).filter((line) => /set-header X-Forwarded/.test(line));
    expect(set(withRules([]))).toEqual([
      'http-request set-header X-Forwarded-For %[src]',
      'http-request set-header X-Forwarded-Proto http',
      'http-request set-header X-Forwarded-Port 80',
      'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    ]);
    const trusting = { ...withRules([]), trustedProxies: ['10.1.0.0/16', '10.2.0.1/32'] };
    expect(lines(trusting)).toContain('acl from-trusted src 10.1.0.0/16 10.2.0.1/32');
    expect(set(trusting).slice(0, 2)).toEqual([
      'http-request set-header X-Forwarded-For %[var(txn.forwarded)]',
      'http-request set-header X-Forwarded-Proto http unless from-trusted { req.fhdr_cnt(X-Forwarded-Proto) gt 0 }',
    ]);
  });

  it.each<[string, ProxyConfig['listeners'][number]['rules'][number], string]>([
    ['all', { backend: 'app' }, 'use_backend app'],
    ['all below the root', { pathPrefix: '/', backend: 'app' }, 'use_backend app'],
    ['a host', { host: 'A.b', backend: 'app' }, "use_backend app if { req.hdr(host),host_only -m str -i -- 'A.b' }"],
    ['whole segments', { pathPrefix: '/v1/', backend: 'app' }, "use_backend app if { var(txn.path) -m beg -- '/v1/' }"],
    [
      'a path that is another',
      { pathPrefix: '/x/..//%61%2fv1/.', backend: 'app' },
      "use_backend app if { var(txn.path) -m beg -- '/a/v1/' }",
    ],
    ['what is the root', { pathPrefix: '/x/../', backend: 'app' }, 'use_backend app'],
    [
      'both',
      { host: 'a.b', pathPrefix: '/v1', backend: 'app' },
      "use_backend app if { req.hdr(host),host_only -m str -i -- 'a.b' } { var(txn.path) -m beg -- '/v1/' }",
    ],
    [
      'a value that would be more',
      { host: "x' } || { always_true }", pathPrefix: '/"$HOME#\\', backend: 'app' },
      `use_backend app if { req.hdr(host),host_only -m str -i -- 'x'\\'' } || { always_true }' } { var(txn.path) -m beg -- '/"$HOME#\\/' }`,
    ],
  ])('a rule takes %s', (_what, rule, expected) => expect(lines(withRules([rule]))).toContain(expected));

  it('a TCP proxy has no word of http', () => {
    const tcp: ProxyConfig = { ...withApp({ stickyCookie: 'SRV' }), mode: 'tcp' };
    expect(renderConfig(tcp)).not.toMatch(/[Ff]orwarded|cookie|use_backend|http-reuse|keep-alive|tune\./);
  });

  it.each<[string, ProxyConfig]>([
    ['a line break in a host', withRules([{ host: 'a\nbackend x', backend: 'app' }])],
    ['a carriage return in a path', withRules([{ pathPrefix: '/a\rb', backend: 'app' }])],
    ['a NUL in a check', withApp({ check: { ...app.check, http: { path: '/\0', expectedStatus: 200 } } })],
    ['a name with a space', withApp({ name: 'a b' })],
    ['a name that would be an option', withApp({ name: '-x' })],
    ['a cookie with a semicolon', withApp({ stickyCookie: 'a;b' })],
    ['a server’s name', withApp({ servers: [{ name: 'x\n', address: '10.0.0.1', port: 80 }] })],
    ['an address that is a name', withApp({ servers: [{ name: 'x', address: 'evil.example', port: 80 }] })],
    ['a range that is none', { ...plain, trustedProxies: ['10.0.0.0/8 or'] }],
    ['a port out of range', withApp({ servers: [{ name: 'x', address: '10.0.0.1', port: 65_536 }] })],
    ['a duration that is none', { ...plain, drainMs: 0 }],
    ['a count that is no number', { ...plain, maxConnections: Number.NaN }],
  ])('refuses %s', (_what, wanted) => {
    expect(() => renderConfig(wanted)).toThrow(PassError);
    expect(() => renderConfig(wanted)).toThrow(/a proxy's configuration wants/);
  });
});

describe('what tells one configuration from another', () => {
  it('the structure is all but the servers; the file is all', () => {
    const fewer = config({ s1: '10.0.0.1' });
    expect(structureOf(fewer)).toBe(structureOf(plain));
    expect(fileOf(renderConfig(fewer))).not.toBe(fileOf(renderConfig(plain)));
    const others: ProxyConfig[] = [
      { ...plain, drainMs: 1 },
      { ...plain, adminPort: 1 },
      withApp({ algorithm: 'leastConn' }),
      withApp({ sendProxy: true }),
      withRules([]),
      withRules([{ backend: 'app' }]),
    ];
    expect(new Set([plain, ...others].map(structureOf)).size).toBe(others.length + 1);
  });

  it('the text says its structure, and no other text says one', () => {
    const description = /description (.*)/.exec(renderConfig(plain))?.[1] ?? '';
    expect(structureIn(description)).toBe(structureOf(plain));
    for (const other of ['', 'a load balancer', 'miniaws-', 'miniaws-xyz', `x ${description}`]) {
      expect(structureIn(other)).toBe('');
    }
  });

  it('a server that is added later is told what the file tells the others', () => {
    const text = renderConfig({
      ...plain,
      backends: [
        { ...app, stickyCookie: 'SRV' },
        { ...app, name: 'application', sendProxy: true },
      ],
    });
    expect(serverOptionsIn(text, 'app')).toEqual({ options: 'check inter 300ms rise 1 fall 2', sticky: true });
    expect(serverOptionsIn(text, 'application')).toEqual({
      options: 'check inter 300ms rise 1 fall 2 send-proxy-v2 check-send-proxy',
      sticky: false,
    });
    for (const none of ['ap', 'web', '']) expect(serverOptionsIn(text, none)).toBeUndefined();
    expect(serverOptionsIn('backend app\n  default-server check; shutdown\n', 'app')).toBeUndefined();
  });
});
