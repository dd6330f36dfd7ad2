// SPDX-License-Identifier: Apache-2.0
// Every text of the page, in English: the language of whoever has no other,
// and the list of keys that every other language has too.
//
// Whole sentences, each failure with what to do next. {name} is a value. A
// value may come from a hostile far end and is cleaned before.

export default Object.freeze({
    // -- the page and its bar ---------------------------------------------
    'page.title': 'Console',
    'page.named': '{name} - Console',
    'page.screen': 'Screen of the server. Press and release Ctrl+Alt+Shift ' +
        'to leave it.',
    'page.screenReadOnly': 'Screen of the server. You can look, but not ' +
        'type.',
    'bar.controls': 'Console controls',
    'bar.ctrlAltDel': 'Ctrl-Alt-Del',
    'bar.ctrlAltDelTitle': 'Send Ctrl-Alt-Del to the server',
    'bar.hint': 'Ctrl+Alt+Shift leaves the screen',
    'bar.readOnly': 'Read-only',
    'bar.readOnlyTitle': 'Nothing that you type or click reaches the server',
    'panel.keys': 'Keys',
    'panel.paste': 'Paste',
    'panel.clipboard': 'Clipboard',
    'panel.screen': 'Screen',
    'panel.session': 'Session',
    'panel.close': 'Close',
    'panel.missing': 'This tool could not be fetched. Open it again, ' +
        'or reload the page.',
    'notice.retry': 'Try again',
    'notice.takeOver': 'Take over',
    'notice.tryNow': 'Try now',
    'notice.stop': 'Stop',
    'notice.countdown': 'Trying again in {seconds} s.',
    'notice.waiting': 'The console will be opened again as soon as that is ' +
        'possible.',
    'notice.command': 'Command',

    // -- the panel about the session --------------------------------------
    'session.node': 'Node',
    'session.uuid': 'UUID',
    'session.endpoint': 'Console',
    'session.mode': 'You can',
    'session.since': 'Connected',
    'session.left': 'Time left',
    'session.idle': 'Unused sessions end',
    'session.roundTrip': 'Round trip to the service',
    'session.modeControl': 'look and type',
    'session.modeReadOnly': 'only look',
    'session.notConnected': 'no',
    'session.sinceTime': 'since {time}, for {duration}',
    'session.idleAfter': 'after {duration}',
    'session.milliseconds': '{number} ms',
    'session.seconds': '{seconds} s',
    'session.minutes': '{minutes} min',
    'session.hours': '{hours} h {minutes} min',
    'session.minutesLeft': '{minutes} min left',
    'session.lastMinute': 'Less than a minute left',
    'session.disconnect': 'Disconnect',
    'endpoint.fake-vnc': 'Test card',
    'endpoint.idrac-vnc': 'VNC server of an iDRAC',
    'endpoint.ilo-kvm': 'iLO',
    'endpoint.supermicro-kvm': 'Supermicro BMC',
    'endpoint.redfish-graphical': 'Browser in front of the BMC',
    'endpoint.fake-graphical': 'Browser for tests',

    // -- what each phase says while nothing is wrong ----------------------
    'phase.starting.title': 'Starting',
    'phase.connecting.title': 'Connecting',
    'phase.connecting.message': "Connecting to the server's console.",
    'phase.reconnecting.title': 'Connecting again',
    'phase.reconnecting.message': "Connecting to the server's console " +
        'again.',
    'phase.asking.title': 'Connecting',
    'phase.asking.message': 'The connection was refused. Asking the console ' +
        'service why.',
    'phase.connected.title': 'Connected',

    // -- what is wrong with a link; named by url.js -----------------------
    'link.missing.title': 'No console link',
    'link.missing.message': 'This page was opened without a link to a ' +
        'console, or in another tab than the one that the link was opened ' +
        'in.',
    'link.missing.advice': 'For a new link, run:',
    'link.damaged.title': 'Damaged console link',
    'link.damaged.message': 'The link is incomplete or was changed. Was it ' +
        'cut when it was copied?',
    'link.damaged.advice': 'Copy the whole link again. For a new link, run:',
    'link.foreign.title': 'Not a link of this service',
    'link.foreign.message': 'The link leads to another place than this ' +
        'console service, so it was not followed.',
    'link.foreign.advice': 'Ask whoever gave you the link. For a new link, ' +
        'run:',

    // -- how a console ends, or fails to begin; named by state.js ---------
    'end.clientMissing.title': 'This page is incomplete',
    'end.clientMissing.message': 'A part of this page, noVNC, could not be ' +
        'loaded or does not run in this browser.',
    'end.clientMissing.advice': 'Reload the page, or use a current browser. ' +
        'If that does not help, tell your operator that noVNC is missing.',
    'end.credentials.title': 'The console asks for a password',
    'end.credentials.message': "The server's console wants credentials " +
        'which a browser never sends.',
    'end.credentials.advice': 'Tell your operator: the console is not set ' +
        'up right.',
    'end.garbled.title': 'The console is not understood',
    'end.garbled.message': "The server's console sent something that this " +
        'page does not understand.',
    'end.garbled.advice': 'If trying again does not help, give your ' +
        'operator the line below.',
    'end.endpoint.title': "The server's console is not available",
    'end.endpoint.message': "The server's console cannot be used at the " +
        'moment.',
    'end.endpoint.advice': 'Try again in a moment. If that does not help, ' +
        'give your operator the line below.',
    'end.unreachable.title': 'The console service cannot be reached',
    'end.unreachable.message': 'The console service does not answer.',
    'end.unreachable.advice': 'Check your network, then try again. If that ' +
        'does not help, give your operator the line below.',
    'end.misplaced.title': 'The console service cannot be reached',
    'end.misplaced.message': 'Something else answered in its place: a ' +
        'gateway before it, or a login page.',
    'end.misplaced.advice': 'Reload the page. If that does not help, give ' +
        'your operator the line below.',
    'end.blocked.title': 'The connection is blocked on its way',
    'end.blocked.message': 'The console service answers and your link is ' +
        'good, but no WebSocket connection can be opened. A proxy or ' +
        'firewall between here and there may block it.',
    'end.blocked.advice': 'If trying again does not help, give your ' +
        'operator the line below.',
    'end.denied.title': 'No access to this console',
    'end.denied.message': 'This link does not open a console, or it has ' +
        'expired.',
    'end.denied.advice': 'For a new link, run:',
    'end.misunderstood.title': 'The link was not understood',
    'end.misunderstood.message': 'The console service did not understand ' +
        'the link.',
    'end.misunderstood.advice': 'For a new link, run:',
    'end.busy.title': 'The console service is busy',
    'end.busy.message': 'Consoles are not available at the moment.',
    'end.busy.advice': 'Try again in a few seconds.',
    'end.inUse.title': 'Console in use',
    'end.inUse.message': 'Somebody else is using this console.',
    'end.inUse.advice': 'Try again when they have finished.',
    'end.takeOver.title': 'Console in use',
    'end.takeOver.message': 'Somebody else is using this console.',
    'end.takeOver.advice': 'You can take it over. They are told so, and ' +
        'lose it.',
    'end.takenOver.title': 'Console taken over',
    'end.takenOver.message': 'Somebody else took over this console.',
    'end.takenOver.advice': 'To get it back, talk to them, then try again.',
    'end.protocol.title': 'The connection was not understood',
    'end.protocol.message': 'The console service and this page did not ' +
        'understand each other.',
    'end.protocol.advice': 'Reload the page. If that does not help, give ' +
        'your operator the line below.',
    'end.ended.title': 'Console closed',
    'end.ended.message': 'The console was closed.',
    'end.ended.advice': 'Try again to open it once more.',
    'end.restarting.title': 'The console service is restarting',
    'end.restarting.message': 'The console service stopped or is ' +
        'restarting.',
    'end.restarting.advice': 'Try again in a few seconds.',
    'end.lost.title': 'Connection lost',
    'end.lost.message': 'The connection to the console service was lost ' +
        'without a word. This is usually the network.',
    'end.lost.advice': 'Check your network, then try again.',
    'end.expired.title': 'Session ended',
    'end.expired.message': 'The console service ended this session.',
    'end.expired.advice': 'For a new link, run:',
    'end.disabled.title': 'Console switched off',
    'end.disabled.message': 'The console of this node was switched off.',
    'end.disabled.advice': 'Switch it on again, then ask for a new link:',
    'end.idle.title': 'Session ended',
    'end.idle.message': 'The session was closed because it was not used.',
    'end.idle.advice': 'Try again to go on. Once the link has expired you ' +
        'need a new one.',
    'end.stalled.title': 'Session ended',
    'end.stalled.message': 'Nothing could be delivered to this page for too ' +
        'long.',
    'end.stalled.advice': 'Check your network, then try again.',
    'end.tooLong.title': 'Session ended',
    'end.tooLong.message': 'The session has reached its time limit.',
    'end.tooLong.advice': 'For a new link, run:',
    'end.changed.title': 'Console set up anew',
    'end.changed.message': 'The console of this node was set up anew.',
    'end.changed.advice': 'Try again. If your link does not open it any ' +
        'more, you need a new one.',
    'end.readOnly.title': 'Read-only from now on',
    'end.readOnly.message': 'Your operator made consoles read-only. You can ' +
        'look, but not type.',
    'end.readOnly.advice': 'Try again to go on watching.',
    'end.tooLarge.title': 'Too much at once',
    'end.tooLarge.message': 'The connection was closed because a message ' +
        'was too large.',
    'end.tooLarge.advice': 'Try again. If that does not help, give your ' +
        'operator the line below.',
    'end.broken.title': 'The console failed',
    'end.broken.message': 'The console failed unexpectedly.',
    'end.broken.advice': 'If trying again does not help, give your operator ' +
        'the line below.',
    'end.unknown.title': 'Console closed',
    'end.unknown.message': 'The console service closed the connection.',
    'end.unknown.advice': 'If trying again does not help, give your ' +
        'operator the line below.',

    // -- what the service says by itself, word for word: see said.js -------
    'said.failed': 'The console failed unexpectedly. Tell your operator.',
    'said.notSetUp': 'The console of this server is not set up correctly. ' +
        'Tell your operator.',
    'said.badRequest': 'This request is not understood.',
    'said.badLink': 'This link does not open a console, or it has expired. ' +
        'Ask for a new one: openstack baremetal node console show NODE',
    'said.unavailable': 'Consoles are not available at the moment. Try ' +
        'again in a few seconds.',
    'said.full': 'All console sessions of this service are in use. Try ' +
        'again later.',
    'said.nodeFull': 'Too many people are using the console of this ' +
        'server. Try again later.',
    'said.sourceFull': 'Too many consoles are open from your address. ' +
        'Close one of them, then try again.',
    'said.inUse': 'Somebody else is using the console of this server.',
    'said.takenOver': 'Somebody else took over this console.',
    'said.kicked': 'An operator closed this session.',
    'said.flood': 'Your browser sent too much at once.',
    'said.unreachable': "The server's console cannot be reached.",
    'said.refused': "The server's console refused the connection or cannot " +
        'be reached.',
    'said.timeout': "The server's console did not answer in time.",
    'said.untrusted': "The address of the server's console is not allowed " +
        'here. Tell your operator.',
    'said.certificate': "The server's console could not prove what it is. " +
        'Tell your operator.',
    'said.tls': "The encrypted connection to the server's console could not " +
        'be set up. Tell your operator.',
    'said.brokeOff': "The server's console broke off the connection.",
    'said.refusedToOpen': "The server's console refused to open.",
    'said.securityType': "The server's console wants a way of " +
        'authentication that is not allowed here. Tell your operator.',
    'said.credentials': "The server's console did not accept our " +
        'credentials. Tell your operator.',
    'said.viewerInvalid': 'The viewer sent what is not valid RFB.',
    'said.viewerTimeout': 'The viewer did not answer in time.',
    'said.silent': 'Your browser stopped answering.',
    'said.endpointClosed': "The server's console closed the connection.",
    'said.endpointLost': "The connection to the server's console broke.",
    'said.stalled': 'Nothing could be delivered for too long.',
    'said.idle': 'The session was closed because it was not used.',
    'said.tooLong': 'The session has reached its time limit.',
    'said.revoked': 'The console of this node was switched off.',
    'said.changed': 'The console of this node was set up anew. Connect ' +
        'again.',
    'said.readOnly': 'Consoles are read-only from now on. Connect again to ' +
        'go on watching.',
    'said.unchecked': 'Your right to this console could not be checked any ' +
        'more.',
    'said.shutdown': 'The console service is being restarted. Try again in ' +
        'a moment.',

    // -- keys -------------------------------------------------------------
    'key.Ctrl': 'Ctrl',
    'key.Shift': 'Shift',
    'key.Win': 'Win',
    'key.RightCtrl': 'Right Ctrl',
    'key.RightShift': 'Right Shift',
    'key.RightWin': 'Right Win',
    'key.Enter': 'Enter',
    'key.Space': 'Space',
    'key.Backspace': '⌫',
    'key.Del': 'Del',
    'key.Ins': 'Ins',
    'key.Home': 'Home',
    'key.End': 'End',
    'key.PageUp': 'PgUp',
    'key.PageDown': 'PgDn',
    'key.Left': '←',
    'key.Up': '↑',
    'key.Right': '→',
    'key.Down': '↓',
    'key.Print': 'Print',
    'key.ScrollLock': 'Scroll Lock',
    'key.Menu': 'Menu',
    'keyName.Backspace': 'Backspace',
    'keyName.Left': 'Left arrow',
    'keyName.Up': 'Up arrow',
    'keyName.Right': 'Right arrow',
    'keyName.Down': 'Down arrow',
    'keys.readOnly': 'This session is read-only, so no key reaches the ' +
        'server. Whoever may change it opens another link for you.',
    'keys.setup': 'Setup and boot menu',
    'keys.moving': 'Moving around',
    'keys.hold': 'Hold for the next key',
    'keys.held': 'Keys: {keys}',
    'keys.once': '{key} is held for the next key. Press it again to lock it.',
    'keys.locked': '{key} is locked. Press it again to release it.',
    'keys.off': '{key} is released.',
    'keys.release': 'Release all',
    'keys.releaseTitle': 'Release every key that the server may believe to ' +
        'be held',
    'keys.released': 'All keys are released.',
    'keys.function': 'Function keys',
    'keys.before': 'Held together with the function key',
    'keys.alone': 'Alone',
    'keys.combinations': 'Combinations',
    'keys.own': 'Your own',
    'keys.sysrq': 'Magic SysRq of Linux',
    'sysrq.hint': 'Alt and Print with a letter. It works if the server ' +
        'runs Linux and kernel.sysrq allows it.',
    'sysrq.R': 'keyboard back',
    'sysrq.E': 'end programs',
    'sysrq.I': 'kill programs',
    'sysrq.S': 'sync disks',
    'sysrq.U': 'read-only disks',
    'sysrq.B': 'reboot',
    'sysrq.E.warning': 'All programs are told to end at once, also the one ' +
        'that you are logged in with. Unsaved work may be lost.',
    'sysrq.I.warning': 'All programs are killed at once and cannot save ' +
        'anything.',
    'sysrq.U.warning': 'All disks become read-only at once. Nothing can be ' +
        'saved until the server is started again.',
    'sysrq.B.warning': 'The server restarts at once. What is not yet on its ' +
        'disks is lost: sync them before (S).',
    'sysrq.send': 'Send {keys}',
    'sysrq.cancel': 'Do not send',
    'macros.keys': 'Keys to send',
    'macros.example': 'For example Ctrl+Alt+F2, or: F2 wait 500ms Enter',
    'macros.send': 'Send',
    'macros.keep': 'Save as macro …',
    'macros.name': 'Name of the macro',
    'macros.save': 'Save',
    'macros.cancel': 'Cancel',
    'macros.remove': 'Delete',
    'macros.edit': 'Edit',
    'macros.editNamed': 'Edit {name}',
    'macros.unnamed': 'Keys',
    'macros.playing': '{name}: sending.',
    'macros.progress': '{name}: step {step} of {steps}.',
    'macros.played': '{name}: sent.',
    'macros.stopped': '{name}: stopped, all keys are released.',
    'macros.stop': 'Stop',
    'macros.saved': '{name} is saved in this browser.',
    'macros.removed': '{name} is deleted.',
    'macros.notStored': 'This browser does not let the page store anything: ' +
        'your macros last until you close the page.',
    'macros.damaged': 'Some macros that this browser kept cannot be read ' +
        'and are left out. They are gone for good when you save or delete ' +
        'another one.',
    'macros.problem.empty': 'There is no key yet. Write one, such as F2.',
    'macros.problem.long': 'That is too long. Use at most {max} characters.',
    'macros.problem.key': '“{word}” is no key. Join the names of keys with ' +
        '+, as in Ctrl+Alt+Del, and separate strokes with spaces.',
    'macros.problem.twice': '“{word}” is twice in one combination. Remove ' +
        'one of them.',
    'macros.problem.many': '“{word}” has too many keys for one combination. ' +
        'Use at most six.',
    'macros.problem.wait': '“{word}” is no time to wait. Write something ' +
        'between wait 1ms and wait 60s.',
    'macros.problem.nameless': 'Give the macro a name.',
    'macros.problem.name': 'That name is too long. Use at most {max} ' +
        'characters.',
    'macros.problem.taken': 'There is a macro “{word}” already. Choose ' +
        'another name.',
    'macros.problem.full': 'There are 50 macros already. Delete one before ' +
        'you save another.',

    // -- for whoever is asked for help ------------------------------------
    'detail.code': 'Closed with code {code}.',
    'detail.connection': 'Connection {connection}.',
    'detail.status': 'Answered with HTTP status {status}.',
    'detail.retryAfter': 'Wait {seconds} s before the next try.',
    'detail.where': 'Node {node}, {time} UTC.',

    // -- the screen: size, full screen, picture ---------------------------
    'screen.scale': 'Size of the picture',
    'screen.fit': 'Fit',
    'screen.shown': '{width} × {height} pixels, shown at {scale}.',
    'screen.move': 'Move the view',
    'screen.stopMoving': 'Stop moving the view',
    'screen.fullScreen': 'Full screen',
    'screen.leaveFullScreen': 'Leave full screen',
    'screen.fullScreenHint': 'In full screen, the controls are behind the ' +
        'upper edge. Esc leaves.',
    'screen.fullScreenHoldEscape': 'In full screen, the controls are behind ' +
        'the upper edge and every key reaches the server. Hold Esc to leave.',
    'screen.fullScreenForbidden': 'Full screen is not allowed here. Open ' +
        'the console in a tab of its own for it.',
    'screen.fullScreenRefused': 'The browser did not allow full screen. Try ' +
        'F11 instead.',
    'screen.showBar': 'Show the controls',
    'screen.save': 'Save screenshot',
    'screen.saved': 'Saved as {file}.',
    'screen.notSaved': 'There is no picture to save. Try again when the ' +
        'screen shows one.',
    'screen.quality': 'Quality of the picture',
    'screen.automatic': 'Automatic',
    'screen.automaticNow': 'Automatic (now: {level})',
    'screen.sharp': 'Sharp',
    'screen.balanced': 'Balanced',
    'screen.light': 'For slow lines',
    'screen.lightest': 'For very slow lines',
    'screen.dot': 'Show a dot where the server shows no pointer',
    'screen.follow': "Change the server's screen to the size of this window",
    'screen.followAsked': 'The server was asked to change the size of its ' +
        'screen.',
    'screen.followRefused': "The server's screen has not changed its size, " +
        'so this was switched off again. Most consoles of bare metal ' +
        'cannot do it: use Fit.',
    'screen.followReadOnly': "Who may only look cannot change the size of " +
        "the server's screen.",

    // -- both clipboards --------------------------------------------------
    'clipboard.marked': 'Clipboard: the server has copied a text',
    'clipboard.readOnly': 'This console is read-only: no clipboard is ' +
        'passed on.',
    'clipboard.toServer': 'To the server',
    'clipboard.outgoing': 'Text for the clipboard of the server',
    'clipboard.placeholder': 'Type or paste a text here',
    'clipboard.take': "Take from this browser's clipboard",
    'clipboard.send': 'Send to server',
    'clipboard.sent': '{count} characters were sent to the clipboard of the ' +
        'server.',
    'clipboard.sentLossy': '{count} characters were sent to the clipboard ' +
        'of the server. Some of them may arrive there as “?”, if its VNC ' +
        'server is an older one.',
    'clipboard.empty': 'There is no text to send yet. Type or paste one ' +
        'first.',
    'clipboard.too-long': 'This is more than {limit} KiB. Send it in ' +
        'parts, or as a file by other means.',
    'clipboard.notTaken': "The browser did not hand out its clipboard. " +
        'Click into the field and press Ctrl+V.',
    'clipboard.fromServer': 'From the server',
    'clipboard.incoming': 'Text from the clipboard of the server',
    'clipboard.nothing': 'The server has copied nothing since this page was ' +
        'connected.',
    'clipboard.something': 'The server has copied a text of {count} ' +
        'characters.',
    'clipboard.tooLong': 'The server has copied more than {limit} KiB, ' +
        'which was not kept. Copy less at a time there.',
    'clipboard.show': 'Show',
    'clipboard.copy': "Copy to this browser's clipboard",
    'clipboard.copied': "The text is in this browser's clipboard.",
    'clipboard.notCopied': 'The browser did not allow it. The text is ' +
        'selected: press Ctrl+C.',
    'clipboard.hint': 'The consoles of most BMCs know no clipboard and ' +
        'ignore it. “Paste” types a text instead.',

    // -- typing a text ----------------------------------------------------
    'paste.text': 'Text to type on the server',
    'paste.placeholder': 'Put a text here. It is typed on the keyboard of ' +
        'the server.',
    'paste.masked': 'Hide the text, as a password',
    'paste.oneLine': 'Only a text of one line can be hidden. Remove the ' +
        'line breaks first.',
    'paste.enter': 'Press Enter at the end',
    'paste.layout': 'Keyboard of the server',
    'paste.speed': 'Speed',
    'speed.slow': 'Slow',
    'speed.normal': 'Normal',
    'speed.fast': 'Fast',
    'paste.count': 'Characters to type: {count}.',
    'paste.enters': 'Enter among them: {count}.',
    'paste.seconds': 'Takes about {count} s.',
    'paste.minutes': 'Takes about {count} minutes.',
    'paste.unknown': 'Characters that this keyboard cannot type: {count}. ' +
        'Choose another keyboard, change the text, or leave them out.',
    'paste.once': '{name} in line {line}, column {column}',
    'paste.times': '{name}, {times} times, first in line {line}, column ' +
        '{column}',
    'paste.place': 'Character {column}',
    'paste.more': 'and {count} more',
    'paste.skip': 'Leave out what cannot be typed',
    'paste.limited': 'This console knows the keys of a US keyboard only. ' +
        'Characters on other keys of the server cannot be typed through it.',
    'paste.tooLong': 'The text has {count} characters, {limit} can be typed ' +
        'at once. Type it in parts, or transfer it as a file.',
    'paste.layoutMissing': 'This keyboard could not be loaded. Choose ' +
        'another one, or reload the page.',
    'paste.readOnly': 'This console is read-only: you can look, but not ' +
        'type. Ask for a link that is not, if you need one.',
    'paste.type': 'Type',
    'paste.cancel': 'Cancel',
    'paste.progress': 'Progress of typing',
    'paste.started': 'Typing has begun.',
    'paste.done': 'All of it was typed. Check on the screen that it arrived.',
    'paste.cancelled': 'Typing was cancelled after {percent} percent.',
    'paste.lost': 'The connection was lost after {percent} percent were ' +
        'typed. Check on the screen what has arrived.',
    'paste.hint': 'Caps Lock of the server has to be off. Slow helps where ' +
        'keys get lost, fast suits virtual servers. Closing this cancels ' +
        'typing, a hidden tab pauses it.',
    'layout.be': 'Belgian',
    'layout.br': 'Portuguese (Brazil)',
    'layout.ca-fr': 'French (Canada)',
    'layout.ch': 'German (Switzerland)',
    'layout.ch-fr': 'French (Switzerland)',
    'layout.de': 'German',
    'layout.de-nodeadkeys': 'German (no dead keys)',
    'layout.dk': 'Danish',
    'layout.es': 'Spanish',
    'layout.fi': 'Finnish',
    'layout.fr': 'French',
    'layout.it': 'Italian',
    'layout.jp': 'Japanese',
    'layout.latam': 'Spanish (Latin America)',
    'layout.no': 'Norwegian',
    'layout.pl': 'Polish',
    'layout.pt': 'Portuguese',
    'layout.se': 'Swedish',
    'layout.uk': 'English (UK)',
    'layout.us': 'English (US)',
    'layout.us-intl': 'English (US, international)',
});
