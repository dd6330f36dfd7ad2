// SPDX-License-Identifier: Apache-2.0
// A panel whose content is fetched when it is opened for the first time, for
// tools that are large, not everybody's, and do nothing while closed.

// fetchClass: gives a promise of the panel's class; make(Class) builds it;
// missing: text for when it cannot be fetched.
export function fillLate(panel, fetchClass, make, missing) {
    panel.onOpen = async () => {
        panel.onOpen = null;
        try {
            const Content = await fetchClass();
            panel.body.replaceChildren();
            make(Content);
        } catch (error) {
            console.error(`A tool is missing: ${error.message}`);
            panel.body.textContent = missing;
            // The next time it is opened.
            fillLate(panel, fetchClass, make, missing);
            return;
        }
        if (panel.isOpen) {
            panel.onOpen?.();
        }
    };
}
