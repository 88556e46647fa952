/** Node reads the bytes of headers as Latin-1, and clients send UTF-8. */
export function textOfHeader(value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  return text.includes('\uFFFD') ? value : text;
}

/** A text as a header has it. */
export const headerText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

// oxlint-disable-next-line no-control-regex -- they are what no header has
const NOT_IN_HEADERS = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;

/** Whether it can stand in a header, in the form in which Node takes it. */
export const isHeaderText = (value: string): boolean => !NOT_IN_HEADERS.test(value);

/** What PostgreSQL takes for a text. */
export const isStorable = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);
