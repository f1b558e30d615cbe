type Methods<Port> = Record<keyof Port, (...values: never[]) => Promise<unknown>>;

/**
 * A port whose adapter is loaded when one of its methods is first called: the client libraries take longer to load than all
 * the rest of a function, and most functions need only some of them.
 */
export function onDemand<Port extends Methods<Port>>(
  methods: Record<keyof Port, true>,
  load: () => Promise<Port>,
): Port {
  let loaded: Promise<Port> | undefined;
  const wrapped = Object.keys(methods).map((name) => {
    const method = async (...values: never[]) => {
      loaded ??= load();
      return await (await loaded)[name as keyof Port](...values);
    };
    return [name, method];
  });
  return Object.fromEntries(wrapped) as Port;
}
