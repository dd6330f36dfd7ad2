// SPDX-License-Identifier: Apache-2.0
// Makes elements for the panels. Texts enter as text, never as mark-up.

// properties: of the element (className, textContent, ...); names with a dash
// and role are attributes.
export function build(document, tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (name.includes('-') || name === 'role') {
            element.setAttribute(name, value);
        } else {
            element[name] = value;
        }
    }
    element.append(...children);
    return element;
}
