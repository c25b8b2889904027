/** What is built, and need not be there for the types: dashboard/build.ts says what it is. */
declare module '*/dist/dashboard.json' {
  const page: { readonly html: string; readonly policy: string };
  export default page;
}
