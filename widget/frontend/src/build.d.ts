/** Put in by build.mjs: which part, and its version. */
declare const LAZY: string;

/** Its text, minified. */
declare module "*.css" {
  const text: string;
  export default text;
}
