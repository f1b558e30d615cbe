import type { OAuth2Client, OAuth2ClientOptions } from 'google-auth-library';

export interface PushIdentityOptions {
  /** What a token must be made for: one of these; empty, anything. */
  audiences: readonly string[];
  /** E-mail of the account that pushes; left out, any account. */
  serviceAccount?: string;
  /** Where Google's certificates are, if not at Google. */
  endpoints?: NonNullable<OAuth2ClientOptions['endpoints']>;
}

/**
 * Looks at the `authorization` of a push: signature, issuer, time, audience, account. Gives why the sender may not push, or
 * undefined if it may. Fails when the certificates cannot be had.
 */
export function pushIdentity(
  options: PushIdentityOptions,
): (authorization: string | undefined) => Promise<string | undefined> {
  const { audiences, serviceAccount, endpoints } = options;
  const audience = audiences.length === 0 ? undefined : [...audiences];
  let opened: Promise<OAuth2Client> | undefined;
  return async (authorization) => {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return 'it has no bearer token';
    opened ??= import('google-auth-library').then(
      ({ OAuth2Client }) => new OAuth2Client({ ...(endpoints && { endpoints }) }),
    );
    const client = await opened;
    const { certs } = await client.getFederatedSignonCertsAsync();
    // The library's own messages repeat the token, which must not get into a log.
    const ticket = await client
      .verifySignedJwtWithCertsAsync(token, certs, audience, client.issuers)
      .catch(() => undefined);
    if (ticket === undefined) return 'its token is forged, out of date or meant for somebody else';
    const { email, email_verified: isVerified } = ticket.getPayload() ?? {};
    if (serviceAccount === undefined || (email === serviceAccount && isVerified)) return undefined;
    return `its token is of another account than ${serviceAccount}`;
  };
}
