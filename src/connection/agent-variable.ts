/** Names the socket of the user's SSH agent, as an access may. */
export const AGENT_VARIABLE = 'SSH_AUTH_SOCK';
