package handover;

import org.eclipse.hawkbit.autoconfigure.security.EnableHawkbitManagedSecurityConfiguration;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** hawkBit's management API and device API on its own parts, as its update server puts them together. */
@SpringBootApplication(scanBasePackages = "handover")
@EnableHawkbitManagedSecurityConfiguration
public class Hawkbit {
    public static void main(String[] arguments) {
        SpringApplication.run(Hawkbit.class, arguments);
    }
}
