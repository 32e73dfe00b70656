// Shows openapi.json: what each operation takes and answers.

interface Schema {
  type?: string;
  anyOf?: Schema[];
  format?: string;
  default?: unknown;
  description?: string;
  properties?: Record<string, Schema>;
}
interface Operation {
  summary: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { description?: string; content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}

const place = document.getElementById("operations")!;

function add<Tag extends keyof HTMLElementTagNameMap>(parent: HTMLElement, tag: Tag, text = ""): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.textContent = text;
  parent.append(made);
  return made;
}

function table(parent: HTMLElement, title: string, rows: [string, string][]): void {
  if (rows.length === 0) return;
  add(parent, "h3", title);
  const body = add(add(parent, "table"), "tbody");
  for (const [name, says] of rows) {
    const row = add(body, "tr");
    add(add(row, "th"), "code", name);
    add(row, "td", says);
  }
}

function bodyOf({ requestBody }: Operation): [string, string][] {
  return Object.entries(requestBody?.content ?? {}).flatMap(([media, { schema }]): [string, string][] =>
    schema.properties === undefined
      ? [[media, requestBody?.description ?? ""]]
      : Object.entries(schema.properties).map(([name, property]): [string, string] => [
          name,
          [`${media}, ${kind(property)}.`, property.description ?? ""].join(" "),
        ]),
  );
}

function kind(schema: Schema): string {
  if (schema.format === "binary") return "file";
  return schema.type ?? (schema.anyOf ?? []).map(kind).filter((type) => type !== "null").join(" or ");
}

const { origin } = window.location;
document.getElementById("curl")!.textContent = [
  `curl ${origin}/v1/segment --data-binary @photo.jpg -H "Content-Type: image/jpeg"`,
  `curl ${origin}/v1/segment --data-binary @photo.jpg -H "Content-Type: image/jpeg" -H "Accept: image/png" -o mask.png`,
].join("\n");

const described = await (await fetch("/openapi.json")).json();
for (const [path, operations] of Object.entries<Record<string, Operation>>(described.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const section = add(place, "section");
    const heading = add(section, "h2");
    add(heading, "code", `${method.toUpperCase()} ${path}`);
    add(section, "p", operation.description ?? operation.summary);
    table(
      section,
      "Takes",
      (operation.parameters ?? []).map(({ name, in: where, description, schema }) => [
        name,
        [`${where}, ${kind(schema)}.`, description ?? ""].join(" "),
      ]),
    );
    table(section, "Body", bodyOf(operation));
    table(
      section,
      "Answers",
      Object.entries(operation.responses).map(([status, { description }]) => [status, description]),
    );
  }
}
export {};
