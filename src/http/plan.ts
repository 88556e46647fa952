import type { FastifyInstance } from 'fastify';
import { API_VERSION, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { create, replace } from '../admission/operations.ts';
import { StatusError } from '../base/errors.ts';
import type { Pass } from '../engine/contract.ts';
import { asDocument, parseBody } from './body.ts';
import { refTo, targetOf, writeContext } from './context.ts';
import type { ApiContext } from './context.ts';
import { addressed, collections } from './resources.ts';
import { checkAlso, permits } from './permissions.ts';

/**
 * POST .../plan: what a pass would do if the object were as the body says. Looks at the world, changes nothing: the
 * same `observe` and `plan` as the real pass, so that it cannot say anything else.
 */
export function planRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const path of collections(context.kinds)) planAt(app, context, `${path}/:name/plan`);
}

function planAt(app: FastifyInstance, context: ApiContext, path: string): void {
  app.post(path, permits('get', { subresource: 'plan' }), async (request) => {
    const target = targetOf(request, context.kinds);
    const controller = context.manager.controller(target.kind.kind);
    if (!controller) throw new StatusError('NotFound', `${target.kind.kind} has no plan`);
    // What a document may take is said when it is written; its namespace may be of the same batch.
    const ctx = writeContext(request, { ...context, settings: { ...context.settings, governors: [] } });
    const body = asDocument(parseBody(request.body, request.headers['content-type']) ?? {});
    // What would be made of another document is told to who may write it.
    if (Object.keys(body).length > 0) checkAlso(request, { verb: 'update', subresource: '' }, context.kinds);
    let resource: Resource | undefined;
    await context.store.commit({
      dryRun: true,
      decide: (view) => {
        const old = view.get(refTo(target));
        const { resourceVersion: _, ...metadata } = body.metadata ?? {};
        const document = addressed({ ...body, metadata }, target);
        const asked = Object.keys(body).length > 0;
        resource =
          old && !asked
            ? old
            : old
              ? replace(target.kind, document, old, view, ctx)
              : create(target.kind, document, view, ctx);
        return {};
      },
    });
    const planned = resource as Resource;
    const now = context.clock.now();
    const observed = await controller.observe(planned, lookingPass(context));
    const steps = controller.plan(planned, observed, now);
    const report = controller.report(planned, observed, steps, now);
    const why =
      report.outcome.is === 'waiting' ? report.conditions.find((c) => c.type === 'Ready')?.message : undefined;
    return {
      kind: 'Plan',
      apiVersion: API_VERSION,
      metadata: { ...refOf(planned) },
      steps: steps.map((step) => ({ do: step.do, step: controller.print(step, planned), why: step.why })),
      ...(steps.length === 0 && why ? { note: why } : {}),
    };
  });
}

const refuse = () => Promise.reject(new Error('a plan writes nothing'));

const lookingPass = (context: ApiContext): Pass => ({
  id: 'plan',
  planning: true,
  trigger: { type: 'spec', detail: 'plan' },
  log: context.log,
  signal: context.closing,
  view: context.informer.view,
  now: () => context.clock.now(),
  claim: refuse,
  create: refuse,
  remove: refuse,
  transact: refuse,
  amend: refuse,
});
