/** What a cloud may append to a refusal: the request's headers, the session token among them; or sealed text. */
const REQUEST = /\s*The Canonical String for this request should have been[\s\S]*$/;
const SEALED = /\s*Encoded authorization failure message:\s*\S+/g;
/** What the SDK appends about itself. */
const SDK_NOTE = /\n\s*Deserialization error:[\s\S]*$/;

const LONGEST = 1_000;

/** EC2's words for people: on one line, without what nobody can read and what nobody may read. */
export function cleanWords(
  code: string,
  words: string,
  { secrets }: { readonly secrets: readonly string[] },
): string {
  if (code === 'CredentialsProviderError') return 'no credentials were found';
  let text = words.replace(SDK_NOTE, '').replace(REQUEST, '').replace(SEALED, '');
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '***');
  text = text.replace(/\s+/g, ' ').trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
