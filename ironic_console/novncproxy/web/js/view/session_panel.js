// SPDX-License-Identifier: Apache-2.0

export class SessionPanel {
    constructor(document, panel, services) {
        panel.body.textContent = services.messages('panel.session');
    }
}
