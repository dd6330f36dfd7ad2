// SPDX-License-Identifier: Apache-2.0

export class ClipboardPanel {
    constructor(document, panel, services) {
        panel.body.textContent = services.messages('panel.clipboard');
    }
}
