// SPDX-License-Identifier: Apache-2.0
// Every text of the page, in German. Keys: see en.js.

export default Object.freeze({
    // -- the page and its bar ---------------------------------------------
    'page.title': 'Konsole',
    'page.named': '{name} - Konsole',
    'page.screen': 'Bildschirm des Servers. Strg+Alt+Umschalt drücken und ' +
        'loslassen, um ihn zu verlassen.',
    'page.screenReadOnly': 'Bildschirm des Servers. Sie können zusehen, ' +
        'aber nichts eingeben.',
    'bar.controls': 'Bedienung der Konsole',
    'bar.ctrlAltDel': 'Strg-Alt-Entf',
    'bar.ctrlAltDelTitle': 'Strg-Alt-Entf an den Server senden',
    'bar.hint': 'Strg+Alt+Umschalt verlässt den Bildschirm',
    'bar.readOnly': 'Nur ansehen',
    'bar.readOnlyTitle': 'Nichts, was Sie tippen oder klicken, erreicht den ' +
        'Server',
    'panel.keys': 'Tasten',
    'panel.paste': 'Eintippen',
    'panel.clipboard': 'Zwischenablage',
    'panel.screen': 'Bild',
    'panel.session': 'Sitzung',
    'panel.close': 'Schließen',
    'panel.missing': 'Dieses Werkzeug konnte nicht geladen werden. ' +
        'Öffnen Sie es noch einmal, oder laden Sie die Seite neu.',
    'notice.retry': 'Erneut versuchen',
    'notice.takeOver': 'Übernehmen',
    'notice.tryNow': 'Jetzt versuchen',
    'notice.stop': 'Aufhören',
    'notice.countdown': 'Nächster Versuch in {seconds} s.',
    'notice.waiting': 'Die Konsole wird wieder geöffnet, sobald das möglich ' +
        'ist.',
    'notice.command': 'Befehl',

    // -- the panel about the session --------------------------------------
    'session.node': 'Node',
    'session.uuid': 'UUID',
    'session.endpoint': 'Konsole',
    'session.mode': 'Sie können',
    'session.since': 'Verbunden',
    'session.left': 'Verbleibende Zeit',
    'session.idle': 'Unbenutzte Sitzungen enden',
    'session.roundTrip': 'Weg zum Dienst und zurück',
    'session.modeControl': 'sehen und tippen',
    'session.modeReadOnly': 'nur zusehen',
    'session.notConnected': 'nein',
    'session.sinceTime': 'seit {time}, also {duration}',
    'session.idleAfter': 'nach {duration}',
    'session.milliseconds': '{number} ms',
    'session.seconds': '{seconds} s',
    'session.minutes': '{minutes} min',
    'session.hours': '{hours} h {minutes} min',
    'session.minutesLeft': 'Noch {minutes} min',
    'session.lastMinute': 'Weniger als eine Minute',
    'session.disconnect': 'Trennen',
    'endpoint.fake-vnc': 'Testbild',
    'endpoint.idrac-vnc': 'VNC-Server eines iDRAC',
    'endpoint.ilo-kvm': 'iLO',
    'endpoint.supermicro-kvm': 'BMC von Supermicro',
    'endpoint.redfish-graphical': 'Browser vor dem BMC',
    'endpoint.fake-graphical': 'Browser für Tests',

    // -- what each phase says while nothing is wrong ----------------------
    'phase.starting.title': 'Start',
    'phase.connecting.title': 'Verbindungsaufbau',
    'phase.connecting.message': 'Die Verbindung zur Konsole des Servers ' +
        'wird aufgebaut.',
    'phase.reconnecting.title': 'Neuer Verbindungsaufbau',
    'phase.reconnecting.message': 'Die Verbindung zur Konsole des Servers ' +
        'wird wieder aufgebaut.',
    'phase.asking.title': 'Verbindungsaufbau',
    'phase.asking.message': 'Die Verbindung wurde abgelehnt. Der ' +
        'Konsolendienst wird nach dem Grund gefragt.',
    'phase.connected.title': 'Verbunden',

    // -- what is wrong with a link; named by url.js -----------------------
    'link.missing.title': 'Kein Konsolen-Link',
    'link.missing.message': 'Diese Seite wurde ohne Link zu einer Konsole ' +
        'geöffnet, oder in einem anderen Tab als der Link.',
    'link.missing.advice': 'Einen neuen Link gibt dieser Befehl:',
    'link.damaged.title': 'Beschädigter Konsolen-Link',
    'link.damaged.message': 'Der Link ist unvollständig oder wurde ' +
        'verändert. Wurde er beim Kopieren abgeschnitten?',
    'link.damaged.advice': 'Kopieren Sie noch einmal den ganzen Link. Einen ' +
        'neuen gibt dieser Befehl:',
    'link.foreign.title': 'Kein Link dieses Dienstes',
    'link.foreign.message': 'Der Link führt anderswohin als zu diesem ' +
        'Konsolendienst, darum wurde er nicht verfolgt.',
    'link.foreign.advice': 'Fragen Sie, wer Ihnen den Link gegeben hat. ' +
        'Einen neuen gibt dieser Befehl:',

    // -- how a console ends, or fails to begin; named by state.js ---------
    'end.clientMissing.title': 'Diese Seite ist unvollständig',
    'end.clientMissing.message': 'Ein Teil dieser Seite, noVNC, konnte ' +
        'nicht geladen werden oder läuft nicht in diesem Browser.',
    'end.clientMissing.advice': 'Laden Sie die Seite neu, oder nehmen Sie ' +
        'einen aktuellen Browser. Hilft das nicht, sagen Sie Ihrem ' +
        'Betreiber, dass noVNC fehlt.',
    'end.credentials.title': 'Die Konsole verlangt ein Passwort',
    'end.credentials.message': 'Die Konsole des Servers verlangt ' +
        'Zugangsdaten, die ein Browser niemals sendet.',
    'end.credentials.advice': 'Sagen Sie Ihrem Betreiber, dass die Konsole ' +
        'nicht richtig eingerichtet ist.',
    'end.garbled.title': 'Die Konsole ist unverständlich',
    'end.garbled.message': 'Die Konsole des Servers hat etwas gesendet, das ' +
        'diese Seite nicht versteht.',
    'end.garbled.advice': 'Hilft ein neuer Versuch nicht, geben Sie Ihrem ' +
        'Betreiber die Zeile unten.',
    'end.endpoint.title': 'Die Konsole des Servers ist nicht verfügbar',
    'end.endpoint.message': 'Die Konsole des Servers kann im Moment nicht ' +
        'benutzt werden.',
    'end.endpoint.advice': 'Versuchen Sie es gleich noch einmal. Hilft das ' +
        'nicht, geben Sie Ihrem Betreiber die Zeile unten.',
    'end.unreachable.title': 'Der Konsolendienst ist nicht erreichbar',
    'end.unreachable.message': 'Der Konsolendienst antwortet nicht.',
    'end.unreachable.advice': 'Prüfen Sie Ihr Netz und versuchen Sie es ' +
        'dann erneut. Hilft das nicht, geben Sie Ihrem Betreiber die Zeile ' +
        'unten.',
    'end.misplaced.title': 'Der Konsolendienst ist nicht erreichbar',
    'end.misplaced.message': 'Etwas anderes hat an seiner Stelle ' +
        'geantwortet: ein Gateway davor oder eine Anmeldeseite.',
    'end.misplaced.advice': 'Laden Sie die Seite neu. Hilft das nicht, ' +
        'geben Sie Ihrem Betreiber die Zeile unten.',
    'end.blocked.title': 'Die Verbindung wird unterwegs blockiert',
    'end.blocked.message': 'Der Konsolendienst antwortet und Ihr Link ist ' +
        'gut, aber es kann keine WebSocket-Verbindung aufgebaut werden. ' +
        'Vielleicht blockiert sie ein Proxy oder eine Firewall.',
    'end.blocked.advice': 'Hilft ein neuer Versuch nicht, geben Sie Ihrem ' +
        'Betreiber die Zeile unten.',
    'end.denied.title': 'Kein Zugang zu dieser Konsole',
    'end.denied.message': 'Dieser Link öffnet keine Konsole, oder er ist ' +
        'abgelaufen.',
    'end.denied.advice': 'Einen neuen Link gibt dieser Befehl:',
    'end.misunderstood.title': 'Der Link wurde nicht verstanden',
    'end.misunderstood.message': 'Der Konsolendienst hat den Link nicht ' +
        'verstanden.',
    'end.misunderstood.advice': 'Einen neuen Link gibt dieser Befehl:',
    'end.busy.title': 'Der Konsolendienst ist ausgelastet',
    'end.busy.message': 'Konsolen sind im Moment nicht verfügbar.',
    'end.busy.advice': 'Versuchen Sie es in einigen Sekunden erneut.',
    'end.inUse.title': 'Konsole ist in Benutzung',
    'end.inUse.message': 'Jemand anderes benutzt diese Konsole.',
    'end.inUse.advice': 'Versuchen Sie es erneut, wenn diese Sitzung zu ' +
        'Ende ist.',
    'end.takeOver.title': 'Konsole ist in Benutzung',
    'end.takeOver.message': 'Jemand anderes benutzt diese Konsole.',
    'end.takeOver.advice': 'Sie können sie übernehmen. Die andere Sitzung ' +
        'wird dann mit diesem Hinweis beendet.',
    'end.takenOver.title': 'Konsole übernommen',
    'end.takenOver.message': 'Jemand anderes hat diese Konsole übernommen.',
    'end.takenOver.advice': 'Um sie zurückzubekommen, sprechen Sie sich ab ' +
        'und versuchen Sie es dann erneut.',
    'end.protocol.title': 'Die Verbindung wurde nicht verstanden',
    'end.protocol.message': 'Der Konsolendienst und diese Seite haben sich ' +
        'nicht verstanden.',
    'end.protocol.advice': 'Laden Sie die Seite neu. Hilft das nicht, geben ' +
        'Sie Ihrem Betreiber die Zeile unten.',
    'end.ended.title': 'Konsole geschlossen',
    'end.ended.message': 'Die Konsole wurde geschlossen.',
    'end.ended.advice': 'Ein neuer Versuch öffnet sie wieder.',
    'end.restarting.title': 'Der Konsolendienst startet neu',
    'end.restarting.message': 'Der Konsolendienst wurde angehalten oder ' +
        'startet neu.',
    'end.restarting.advice': 'Versuchen Sie es in einigen Sekunden erneut.',
    'end.lost.title': 'Verbindung verloren',
    'end.lost.message': 'Die Verbindung zum Konsolendienst ging ohne ein ' +
        'Wort verloren. Meist liegt das am Netz.',
    'end.lost.advice': 'Prüfen Sie Ihr Netz und versuchen Sie es dann ' +
        'erneut.',
    'end.expired.title': 'Sitzung beendet',
    'end.expired.message': 'Der Konsolendienst hat diese Sitzung beendet.',
    'end.expired.advice': 'Einen neuen Link gibt dieser Befehl:',
    'end.disabled.title': 'Konsole ausgeschaltet',
    'end.disabled.message': 'Die Konsole dieses Nodes wurde ausgeschaltet.',
    'end.disabled.advice': 'Schalten Sie sie wieder ein und holen Sie dann ' +
        'einen neuen Link:',
    'end.idle.title': 'Sitzung beendet',
    'end.idle.message': 'Die Sitzung wurde geschlossen, weil sie nicht ' +
        'benutzt wurde.',
    'end.idle.advice': 'Versuchen Sie es erneut, um weiterzumachen. Ist der ' +
        'Link abgelaufen, brauchen Sie einen neuen.',
    'end.stalled.title': 'Sitzung beendet',
    'end.stalled.message': 'Dieser Seite konnte zu lange nichts ' +
        'zugestellt werden.',
    'end.stalled.advice': 'Prüfen Sie Ihr Netz und versuchen Sie es dann ' +
        'erneut.',
    'end.tooLong.title': 'Sitzung beendet',
    'end.tooLong.message': 'Die Sitzung hat ihre Höchstdauer erreicht.',
    'end.tooLong.advice': 'Einen neuen Link gibt dieser Befehl:',
    'end.changed.title': 'Konsole neu eingerichtet',
    'end.changed.message': 'Die Konsole dieses Nodes wurde neu ' +
        'eingerichtet.',
    'end.changed.advice': 'Versuchen Sie es erneut. Öffnet Ihr Link sie ' +
        'nicht mehr, brauchen Sie einen neuen.',
    'end.readOnly.title': 'Ab jetzt nur ansehen',
    'end.readOnly.message': 'Ihr Betreiber erlaubt bei Konsolen nur noch ' +
        'das Ansehen. Sie können zusehen, aber nichts eingeben.',
    'end.readOnly.advice': 'Versuchen Sie es erneut, um weiter zuzusehen.',
    'end.tooLarge.title': 'Zu viel auf einmal',
    'end.tooLarge.message': 'Die Verbindung wurde geschlossen, weil eine ' +
        'Nachricht zu groß war.',
    'end.tooLarge.advice': 'Versuchen Sie es erneut. Hilft das nicht, geben ' +
        'Sie Ihrem Betreiber die Zeile unten.',
    'end.broken.title': 'Die Konsole ist ausgefallen',
    'end.broken.message': 'Die Konsole ist unerwartet ausgefallen.',
    'end.broken.advice': 'Hilft ein neuer Versuch nicht, geben Sie Ihrem ' +
        'Betreiber die Zeile unten.',
    'end.unknown.title': 'Konsole geschlossen',
    'end.unknown.message': 'Der Konsolendienst hat die Verbindung ' +
        'geschlossen.',
    'end.unknown.advice': 'Hilft ein neuer Versuch nicht, geben Sie Ihrem ' +
        'Betreiber die Zeile unten.',

    // -- what the service says by itself -----------------------------------
    'said.failed': 'Die Konsole ist unerwartet ausgefallen. Sagen Sie es ' +
        'Ihrem Betreiber.',
    'said.notSetUp': 'Die Konsole dieses Servers ist nicht richtig ' +
        'eingerichtet. Sagen Sie es Ihrem Betreiber.',
    'said.badRequest': 'Diese Anfrage wird nicht verstanden.',
    'said.badLink': 'Dieser Link öffnet keine Konsole, oder er ist ' +
        'abgelaufen.',
    'said.unavailable': 'Konsolen sind im Moment nicht verfügbar. Versuchen ' +
        'Sie es in einigen Sekunden erneut.',
    'said.full': 'Alle Konsolensitzungen dieses Dienstes sind belegt. ' +
        'Versuchen Sie es später erneut.',
    'said.nodeFull': 'Zu viele benutzen die Konsole dieses Servers. ' +
        'Versuchen Sie es später erneut.',
    'said.sourceFull': 'Von Ihrer Adresse aus sind zu viele Konsolen ' +
        'offen. Schließen Sie eine davon und versuchen Sie es dann erneut.',
    'said.inUse': 'Jemand anderes benutzt die Konsole dieses Servers.',
    'said.takenOver': 'Jemand anderes hat diese Konsole übernommen.',
    'said.kicked': 'Ein Betreiber hat diese Sitzung beendet.',
    'said.flood': 'Ihr Browser hat zu viel auf einmal gesendet.',
    'said.unreachable': 'Die Konsole des Servers ist nicht erreichbar.',
    'said.refused': 'Die Konsole des Servers hat die Verbindung abgelehnt ' +
        'oder ist nicht erreichbar.',
    'said.timeout': 'Die Konsole des Servers hat nicht rechtzeitig ' +
        'geantwortet.',
    'said.untrusted': 'Die Adresse der Konsole des Servers ist hier nicht ' +
        'erlaubt. Sagen Sie es Ihrem Betreiber.',
    'said.certificate': 'Die Konsole des Servers konnte nicht beweisen, was ' +
        'sie ist. Sagen Sie es Ihrem Betreiber.',
    'said.tls': 'Die verschlüsselte Verbindung zur Konsole des Servers kam ' +
        'nicht zustande. Sagen Sie es Ihrem Betreiber.',
    'said.brokeOff': 'Die Konsole des Servers hat die Verbindung ' +
        'abgebrochen.',
    'said.refusedToOpen': 'Die Konsole des Servers wollte sich nicht öffnen.',
    'said.securityType': 'Die Konsole des Servers verlangt eine Anmeldung, ' +
        'die hier nicht erlaubt ist. Sagen Sie es Ihrem Betreiber.',
    'said.credentials': 'Die Konsole des Servers hat unsere Zugangsdaten ' +
        'nicht angenommen. Sagen Sie es Ihrem Betreiber.',
    'said.viewerInvalid': 'Diese Seite hat etwas gesendet, das kein ' +
        'gültiges RFB ist.',
    'said.viewerTimeout': 'Diese Seite hat nicht rechtzeitig geantwortet.',
    'said.silent': 'Ihr Browser hat nicht mehr geantwortet.',
    'said.endpointClosed': 'Die Konsole des Servers hat die Verbindung ' +
        'geschlossen.',
    'said.endpointLost': 'Die Verbindung zur Konsole des Servers ist ' +
        'abgerissen.',
    'said.stalled': 'Zu lange konnte nichts zugestellt werden.',
    'said.idle': 'Die Sitzung wurde geschlossen, weil sie nicht benutzt ' +
        'wurde.',
    'said.tooLong': 'Die Sitzung hat ihre Höchstdauer erreicht.',
    'said.revoked': 'Die Konsole dieses Nodes wurde ausgeschaltet.',
    'said.changed': 'Die Konsole dieses Nodes wurde neu eingerichtet. ' +
        'Verbinden Sie sich erneut.',
    'said.readOnly': 'Konsolen können ab jetzt nur noch angesehen werden. ' +
        'Verbinden Sie sich erneut, um weiter zuzusehen.',
    'said.unchecked': 'Ihr Recht an dieser Konsole konnte nicht mehr ' +
        'geprüft werden.',
    'said.shutdown': 'Der Konsolendienst wird neu gestartet. Versuchen Sie ' +
        'es gleich noch einmal.',

    // -- keys -------------------------------------------------------------
    'key.Ctrl': 'Strg',
    'key.Shift': 'Umschalt',
    'key.Win': 'Win',
    'key.RightCtrl': 'Strg rechts',
    'key.RightShift': 'Umschalt rechts',
    'key.RightWin': 'Win rechts',
    'key.Enter': 'Enter',
    'key.Space': 'Leer',
    'key.Backspace': '⌫',
    'key.Del': 'Entf',
    'key.Ins': 'Einfg',
    'key.Home': 'Pos1',
    'key.End': 'Ende',
    'key.PageUp': 'Bild↑',
    'key.PageDown': 'Bild↓',
    'key.Left': '←',
    'key.Up': '↑',
    'key.Right': '→',
    'key.Down': '↓',
    'key.Print': 'Druck',
    'key.ScrollLock': 'Rollen',
    'key.Menu': 'Menü',
    'keyName.Backspace': 'Rücktaste',
    'keyName.Left': 'Pfeil nach links',
    'keyName.Up': 'Pfeil nach oben',
    'keyName.Right': 'Pfeil nach rechts',
    'keyName.Down': 'Pfeil nach unten',
    'keys.readOnly': 'In dieser Sitzung können Sie nur zusehen, darum ' +
        'erreicht keine Taste den Server. Wer mehr darf, kann Ihnen einen ' +
        'anderen Link geben.',
    'keys.setup': 'BIOS und Startmenü',
    'keys.moving': 'Bewegen',
    'keys.hold': 'Für die nächste Taste halten',
    'keys.held': 'Tasten: {keys}',
    'keys.once': '{key} wird für die nächste Taste gehalten. Noch einmal ' +
        'drücken, um sie festzustellen.',
    'keys.locked': '{key} ist festgestellt. Noch einmal drücken, um sie ' +
        'loszulassen.',
    'keys.off': '{key} ist losgelassen.',
    'keys.release': 'Alle loslassen',
    'keys.releaseTitle': 'Jede Taste loslassen, die der Server für gedrückt ' +
        'halten könnte',
    'keys.released': 'Alle Tasten sind losgelassen.',
    'keys.function': 'Funktionstasten',
    'keys.before': 'Zusammen mit der Funktionstaste gehalten',
    'keys.alone': 'Allein',
    'keys.combinations': 'Kombinationen',
    'keys.own': 'Eigene',
    'keys.sysrq': 'Magic SysRq von Linux',
    'sysrq.hint': 'Alt und Druck mit einem Buchstaben. Es wirkt, wenn auf ' +
        'dem Server Linux läuft und kernel.sysrq es erlaubt.',
    'sysrq.R': 'Tastatur zurück',
    'sysrq.E': 'beenden',
    'sysrq.I': 'abbrechen',
    'sysrq.S': 'sichern',
    'sysrq.U': 'nur lesen',
    'sysrq.B': 'neu starten',
    'sysrq.E.warning': 'Alle Programme werden sofort aufgefordert, sich zu ' +
        'beenden, auch das, mit dem Sie angemeldet sind. Ungespeichertes ' +
        'kann verloren gehen.',
    'sysrq.I.warning': 'Alle Programme werden sofort abgebrochen und können ' +
        'nichts mehr speichern.',
    'sysrq.U.warning': 'Alle Datenträger werden sofort schreibgeschützt. ' +
        'Bis zum Neustart des Servers kann nichts mehr gespeichert werden.',
    'sysrq.B.warning': 'Der Server startet sofort neu. Was noch nicht auf ' +
        'seinen Datenträgern steht, ist verloren: vorher sichern (S).',
    'sysrq.send': '{keys} senden',
    'sysrq.cancel': 'Nicht senden',
    'macros.keys': 'Zu sendende Tasten',
    'macros.example': 'Zum Beispiel Strg+Alt+F2, oder: F2 wait 500ms Enter',
    'macros.send': 'Senden',
    'macros.keep': 'Als Makro speichern …',
    'macros.name': 'Name des Makros',
    'macros.save': 'Speichern',
    'macros.cancel': 'Abbrechen',
    'macros.remove': 'Löschen',
    'macros.edit': 'Ändern',
    'macros.editNamed': '{name} ändern',
    'macros.unnamed': 'Tasten',
    'macros.playing': '{name}: wird gesendet.',
    'macros.progress': '{name}: Schritt {step} von {steps}.',
    'macros.played': '{name}: gesendet.',
    'macros.stopped': '{name}: angehalten, alle Tasten sind losgelassen.',
    'macros.stop': 'Anhalten',
    'macros.saved': '{name} ist in diesem Browser gespeichert.',
    'macros.removed': '{name} ist gelöscht.',
    'macros.notStored': 'Dieser Browser lässt die Seite nichts speichern: ' +
        'Ihre Makros bleiben, bis Sie die Seite schließen.',
    'macros.damaged': 'Einige Makros, die dieser Browser gespeichert hat, ' +
        'sind nicht lesbar und fehlen hier. Sie sind endgültig verloren, ' +
        'wenn Sie ein anderes speichern oder löschen.',
    'macros.problem.empty': 'Hier steht noch keine Taste. Schreiben Sie ' +
        'eine, etwa F2.',
    'macros.problem.long': 'Das ist zu lang. Höchstens {max} Zeichen sind ' +
        'möglich.',
    'macros.problem.key': '„{word}“ ist keine Taste. Verbinden Sie Namen ' +
        'von Tasten mit +, wie in Strg+Alt+Entf, und trennen Sie ' +
        'Anschläge mit Leerzeichen.',
    'macros.problem.twice': '„{word}“ steht zweimal in einer Kombination. ' +
        'Entfernen Sie eine der beiden.',
    'macros.problem.many': '„{word}“ hat zu viele Tasten für eine ' +
        'Kombination. Höchstens sechs sind möglich.',
    'macros.problem.wait': '„{word}“ ist keine Wartezeit. Schreiben Sie ' +
        'etwas zwischen wait 1ms und wait 60s.',
    'macros.problem.nameless': 'Geben Sie dem Makro einen Namen.',
    'macros.problem.name': 'Dieser Name ist zu lang. Höchstens {max} ' +
        'Zeichen sind möglich.',
    'macros.problem.taken': 'Ein Makro „{word}“ gibt es schon. Wählen Sie ' +
        'einen anderen Namen.',
    'macros.problem.full': 'Es gibt schon 50 Makros. Löschen Sie eines, ' +
        'bevor Sie ein weiteres speichern.',

    // -- for whoever is asked for help ------------------------------------
    'detail.code': 'Geschlossen mit Code {code}.',
    'detail.connection': 'Verbindung {connection}.',
    'detail.status': 'Antwort mit HTTP-Status {status}.',
    'detail.retryAfter': '{seconds} s bis zum nächsten Versuch warten.',
    'detail.where': 'Node {node}, {time} UTC.',

    // -- der Bildschirm: Größe, Vollbild, Bild ----------------------------
    'screen.scale': 'Größe des Bildes',
    'screen.fit': 'Passend',
    'screen.shown': '{width} × {height} Pixel, gezeigt im Maßstab {scale}.',
    'screen.move': 'Ausschnitt verschieben',
    'screen.stopMoving': 'Ausschnitt nicht mehr verschieben',
    'screen.fullScreen': 'Vollbild',
    'screen.leaveFullScreen': 'Vollbild beenden',
    'screen.fullScreenHint': 'Im Vollbild liegt die Leiste hinter dem ' +
        'oberen Rand. Esc beendet es.',
    'screen.fullScreenHoldEscape': 'Im Vollbild liegt die Leiste hinter dem ' +
        'oberen Rand, und jede Taste erreicht den Server. Esc gedrückt ' +
        'halten beendet es.',
    'screen.fullScreenForbidden': 'Vollbild ist hier nicht erlaubt. Öffnen ' +
        'Sie die Konsole dafür in einem eigenen Tab.',
    'screen.fullScreenRefused': 'Der Browser hat Vollbild nicht erlaubt. ' +
        'Versuchen Sie es mit F11.',
    'screen.showBar': 'Leiste zeigen',
    'screen.save': 'Bildschirmfoto speichern',
    'screen.saved': 'Gespeichert als {file}.',
    'screen.notSaved': 'Es gibt kein Bild zu speichern. Versuchen Sie es ' +
        'wieder, wenn der Bildschirm eines zeigt.',
    'screen.quality': 'Bildqualität',
    'screen.automatic': 'Automatisch',
    'screen.automaticNow': 'Automatisch (jetzt: {level})',
    'screen.sharp': 'Scharf',
    'screen.balanced': 'Ausgewogen',
    'screen.light': 'Für langsame Leitungen',
    'screen.lightest': 'Für sehr langsame Leitungen',
    'screen.dot': 'Einen Punkt zeigen, wo der Server keinen Mauszeiger zeigt',
    'screen.follow': 'Den Bildschirm des Servers auf die Größe dieses ' +
        'Fensters ändern',
    'screen.followAsked': 'Der Server wurde gebeten, die Größe seines ' +
        'Bildschirms zu ändern.',
    'screen.followRefused': 'Der Bildschirm des Servers hat seine Größe ' +
        'nicht geändert, daher wurde dies wieder ausgeschaltet. Die meisten ' +
        'Konsolen von Bare-Metal-Servern können es nicht: Nehmen Sie ' +
        '„Passend“.',
    'screen.followReadOnly': 'Wer nur zusehen darf, kann die Größe des ' +
        'Bildschirms nicht ändern.',

    // -- beide Zwischenablagen --------------------------------------------
    'clipboard.marked': 'Zwischenablage: Der Server hat einen Text kopiert',
    'clipboard.readOnly': 'Diese Konsole ist nur zum Ansehen: Es wird keine ' +
        'Zwischenablage weitergegeben.',
    'clipboard.toServer': 'Zum Server',
    'clipboard.outgoing': 'Text für die Zwischenablage des Servers',
    'clipboard.placeholder': 'Text hier eintippen oder einfügen',
    'clipboard.take': 'Aus der Zwischenablage dieses Browsers nehmen',
    'clipboard.send': 'Zum Server senden',
    'clipboard.sent': '{count} Zeichen wurden an die Zwischenablage des ' +
        'Servers gesendet.',
    'clipboard.sentLossy': '{count} Zeichen wurden an die Zwischenablage ' +
        'des Servers gesendet. Manche kommen dort vielleicht als „?“ an, ' +
        'falls sein VNC-Server ein älterer ist.',
    'clipboard.empty': 'Es gibt noch keinen Text zu senden. Tippen Sie ' +
        'zuerst einen ein, oder fügen Sie ihn ein.',
    'clipboard.too-long': 'Das sind mehr als {limit} KiB. Senden Sie es in ' +
        'Teilen, oder als Datei auf anderem Weg.',
    'clipboard.notTaken': 'Der Browser hat seine Zwischenablage nicht ' +
        'herausgegeben. Klicken Sie in das Feld und drücken Sie Strg+V.',
    'clipboard.fromServer': 'Vom Server',
    'clipboard.incoming': 'Text aus der Zwischenablage des Servers',
    'clipboard.nothing': 'Der Server hat nichts kopiert, seit diese Seite ' +
        'verbunden ist.',
    'clipboard.something': 'Der Server hat einen Text von {count} Zeichen ' +
        'kopiert.',
    'clipboard.tooLong': 'Der Server hat mehr als {limit} KiB kopiert; das ' +
        'wurde nicht behalten. Kopieren Sie dort weniger auf einmal.',
    'clipboard.show': 'Zeigen',
    'clipboard.copy': 'In die Zwischenablage dieses Browsers kopieren',
    'clipboard.copied': 'Der Text ist in der Zwischenablage dieses Browsers.',
    'clipboard.notCopied': 'Der Browser hat es nicht erlaubt. Der Text ist ' +
        'markiert: Drücken Sie Strg+C.',
    'clipboard.hint': 'Die Konsolen der meisten BMCs kennen keine ' +
        'Zwischenablage und ignorieren sie. „Eintippen“ gibt einen Text ' +
        'stattdessen als Tasten ein.',

    // -- typing a text ----------------------------------------------------
    'paste.text': 'Text, der auf dem Server getippt wird',
    'paste.placeholder': 'Hierher kommt ein Text. Er wird auf der Tastatur ' +
        'des Servers getippt.',
    'paste.masked': 'Text verbergen, wie ein Passwort',
    'paste.oneLine': 'Nur ein einzeiliger Text kann verborgen werden. ' +
        'Entfernen Sie zuerst die Zeilenumbrüche.',
    'paste.enter': 'Am Ende die Eingabetaste drücken',
    'paste.layout': 'Tastatur des Servers',
    'paste.speed': 'Tempo',
    'speed.slow': 'Langsam',
    'speed.normal': 'Normal',
    'speed.fast': 'Schnell',
    'paste.count': 'Zu tippende Zeichen: {count}.',
    'paste.enters': 'Eingabetaste darunter: {count}.',
    'paste.seconds': 'Dauert etwa {count} s.',
    'paste.minutes': 'Dauert etwa {count} Minuten.',
    'paste.unknown': 'Zeichen, die diese Tastatur nicht tippen kann: ' +
        '{count}. Wählen Sie eine andere, ändern Sie den Text, oder lassen ' +
        'Sie diese Zeichen weg.',
    'paste.once': '{name} in Zeile {line}, Spalte {column}',
    'paste.times': '{name}, {times}-mal, zuerst in Zeile {line}, Spalte ' +
        '{column}',
    'paste.place': 'Zeichen {column}',
    'paste.more': 'und {count} weitere',
    'paste.skip': 'Weglassen, was nicht getippt werden kann',
    'paste.limited': 'Diese Konsole kennt nur die Tasten einer ' +
        'US-Tastatur. Zeichen auf anderen Tasten des Servers kann man durch ' +
        'sie nicht tippen.',
    'paste.tooLong': 'Der Text hat {count} Zeichen, {limit} können auf ' +
        'einmal getippt werden. Tippen Sie ihn in Teilen, oder übertragen ' +
        'Sie ihn als Datei.',
    'paste.layoutMissing': 'Diese Tastatur konnte nicht geladen werden. ' +
        'Wählen Sie eine andere, oder laden Sie die Seite neu.',
    'paste.readOnly': 'Auf dieser Konsole können Sie zusehen, aber nichts ' +
        'eingeben. Bitten Sie um einen anderen Link, wenn Sie einen ' +
        'brauchen.',
    'paste.type': 'Tippen',
    'paste.cancel': 'Abbrechen',
    'paste.progress': 'Fortschritt des Tippens',
    'paste.started': 'Das Tippen hat begonnen.',
    'paste.done': 'Alles wurde getippt. Prüfen Sie auf dem Bildschirm, ob ' +
        'es angekommen ist.',
    'paste.cancelled': 'Das Tippen wurde nach {percent} Prozent abgebrochen.',
    'paste.lost': 'Die Verbindung brach ab, nachdem {percent} Prozent ' +
        'getippt waren. Prüfen Sie auf dem Bildschirm, was angekommen ist.',
    'paste.hint': 'Die Feststelltaste des Servers muss aus sein. Langsam ' +
        'hilft, wo Tasten verloren gehen, schnell passt zu virtuellen ' +
        'Servern. Schließen bricht das Tippen ab, ein verborgener Tab hält ' +
        'es an.',
    'layout.be': 'Belgisch',
    'layout.br': 'Portugiesisch (Brasilien)',
    'layout.ca-fr': 'Französisch (Kanada)',
    'layout.ch': 'Deutsch (Schweiz)',
    'layout.ch-fr': 'Französisch (Schweiz)',
    'layout.de': 'Deutsch',
    'layout.de-nodeadkeys': 'Deutsch (ohne Tottasten)',
    'layout.dk': 'Dänisch',
    'layout.es': 'Spanisch',
    'layout.fi': 'Finnisch',
    'layout.fr': 'Französisch',
    'layout.it': 'Italienisch',
    'layout.jp': 'Japanisch',
    'layout.latam': 'Spanisch (Lateinamerika)',
    'layout.no': 'Norwegisch',
    'layout.pl': 'Polnisch',
    'layout.pt': 'Portugiesisch',
    'layout.se': 'Schwedisch',
    'layout.uk': 'Englisch (Vereinigtes Königreich)',
    'layout.us': 'Englisch (USA)',
    'layout.us-intl': 'Englisch (USA, international)',
});
