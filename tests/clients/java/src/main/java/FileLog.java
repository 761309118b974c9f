import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.slf4j.LoggerFactory;

/** The driver's log: a line a record, PHASE LEVEL LOGGER MESSAGE. */
final class FileLog extends AppenderBase<ILoggingEvent> {
  /** "run", or "fault" while the script provokes what the driver rightly complains about. */
  static volatile String phase = "run";

  private final Path path = Path.of(System.getenv("CLIENT_LOG"));

  static void begin() {
    Logger root = (Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
    root.detachAndStopAllAppenders();
    root.setLevel(Level.INFO);
    FileLog log = new FileLog();
    log.setContext(root.getLoggerContext());
    log.start();
    root.addAppender(log);
  }

  @Override
  protected void append(ILoggingEvent event) {
    String name = event.getLoggerName();
    String cause =
        event.getThrowableProxy() == null ? "" : " | " + event.getThrowableProxy().getMessage();
    String line =
        phase + " " + event.getLevel() + " " + name.substring(name.lastIndexOf('.') + 1) + " "
            + (event.getFormattedMessage() + cause).replaceAll("[\r\n]+", "\\\\n") + "\n";
    try {
      Files.writeString(path, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
