import { Failure } from '../../../cli/failure.ts';
import type { Session } from '../../../cli/session.ts';
import { withS3 } from './open-s3.ts';
import { s3PlaceOf, told } from './places.ts';

/** The limit of Signature V4. */
const LONGEST_MS = 7 * 86_400_000;

export interface PresignOptions {
  /** Milliseconds. */
  expiresIn: number;
  method: 'get' | 'put';
}

/** `miniaws s3 presign`. */
export async function presign(session: Session, where: string, options: PresignOptions): Promise<void> {
  const place = s3PlaceOf(where);
  if (place.key === '') throw new Failure(`${told(place)} names no object: expected s3://BUCKET/KEY`);
  const { expiresIn, method } = options;
  if (expiresIn < 1_000 || expiresIn > LONGEST_MS) throw new Failure('--expires-in: expected one second to seven days');
  await withS3(session, async (s3) => session.print(await s3.presign(place, method, Math.floor(expiresIn / 1_000))));
}
