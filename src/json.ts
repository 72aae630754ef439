export type Scalar = string | number | boolean;
export type Json = null | Scalar | readonly Json[] | { readonly [key: string]: Json };
