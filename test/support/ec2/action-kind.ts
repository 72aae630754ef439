/** Actions that change nothing. */
export const DESCRIBING = /^(?:Describe|Get|List)/;
