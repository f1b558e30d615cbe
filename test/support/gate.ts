/** Something that can be shut, so that all who come wait until it is opened again. */
export function gate() {
  let open = Promise.withResolvers<void>();
  open.resolve();
  return {
    passed: () => open.promise,
    shut(): void {
      open = Promise.withResolvers<void>();
    },
    open: () => open.resolve(),
  };
}
