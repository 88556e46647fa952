import { messageOf, PassError, StatusError } from '../base/errors.ts';

/** The one shape of a refusal: a Kubernetes Status. Other bodies lose their message in kubectl. */
export function statusOf(error: StatusError): object {
  const { retryAfterSeconds, ...details } = error.details;
  const causes = error.causes.length > 0 ? { causes: error.causes } : {};
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    details: { ...details, ...causes, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
    code: error.code,
  };
}

/** What fastify and Node throw for requests that cannot be read, in the same words as our own refusals. */
export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof PassError)
    return new StatusError(error.reason === 'EngineUnavailable' ? 'ServiceUnavailable' : 'Conflict', error.message, {
      cause: error,
    });
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new StatusError('RequestEntityTooLarge', 'the body is larger than any document may be: split it');
  if (statusCode === 415)
    return new StatusError('UnsupportedMediaType', `${messageOf(error)}: send application/json or application/yaml`);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new StatusError('BadRequest', messageOf(error));
  return new StatusError('InternalError', 'the request failed by a fault of the server, which its log tells', {
    cause: error,
  });
}
