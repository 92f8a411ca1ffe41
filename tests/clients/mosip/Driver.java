import com.fasterxml.jackson.databind.ObjectMapper;
import io.mosip.kernel.core.websub.spi.PublisherClient;
import io.mosip.kernel.core.websub.spi.SubscriptionClient;
import io.mosip.kernel.core.websub.spi.SubscriptionExtendedClient;
import io.mosip.kernel.websub.api.annotation.PreAuthenticateContentAndVerifyIntent;
import io.mosip.kernel.websub.api.model.FailedContentRequest;
import io.mosip.kernel.websub.api.model.FailedContentResponse;
import io.mosip.kernel.websub.api.model.SubscriptionChangeRequest;
import io.mosip.kernel.websub.api.model.SubscriptionChangeResponse;
import io.mosip.kernel.websub.api.model.UnsubscriptionRequest;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.autoconfigure.context.PropertyPlaceholderAutoConfiguration;
import org.springframework.boot.autoconfigure.http.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.autoconfigure.jackson.JacksonAutoConfiguration;
import org.springframework.boot.autoconfigure.web.servlet.DispatcherServletAutoConfiguration;
import org.springframework.boot.autoconfigure.web.servlet.ServletWebServerFactoryAutoConfiguration;
import org.springframework.boot.autoconfigure.web.servlet.WebMvcAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpHeaders;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestTemplate;

/**
 * A service as those of MOSIP: it publishes and subscribes with MOSIP's library, and has callbacks
 * that the library guards. Does what it reads on stdin, a JSON object a line, and answers each with one
 * on stdout. Arguments are Spring's (--name=value); "test.topic" and "test.secret" are ours.
 */
public class Driver {

    @Configuration
    @ComponentScan("io.mosip.kernel.websub.api")
    @Import(Callback.class)
    @ImportAutoConfiguration({PropertyPlaceholderAutoConfiguration.class, AopAutoConfiguration.class,
            JacksonAutoConfiguration.class, HttpMessageConvertersAutoConfiguration.class,
            ServletWebServerFactoryAutoConfiguration.class, DispatcherServletAutoConfiguration.class,
            WebMvcAutoConfiguration.class})
    static class Service {
        /** As MOSIP's auth adapter makes it: shows the service's token in a cookie. */
        @Bean
        public RestTemplate selfTokenRestTemplate() {
            RestTemplate template = new RestTemplate();
            template.getInterceptors().add((request, body, execution) -> {
                request.getHeaders().add("Cookie", "Authorization=" + token);
                return execution.execute(request, body);
            });
            return template;
        }
    }

    @RestController
    static class Callback {
        /** Static, as the bean that others see is a proxy. */
        static final List<Map<String, Object>> deliveries = Collections.synchronizedList(new ArrayList<>());

        @PostMapping("/callback")
        @PreAuthenticateContentAndVerifyIntent(secret = "${test.secret}", callback = "/callback",
                topic = "${test.topic}")
        public void receive(@RequestBody(required = false) String body,
                @RequestHeader Map<String, String> headers) {
            Map<String, Object> delivery = new HashMap<>();
            delivery.put("body", body == null ? "" : body);
            delivery.put("headers", headers);
            deliveries.add(delivery);
        }
    }

    private static volatile String token = "";

    private final ConfigurableApplicationContext context;
    private final PublisherClient<String, Object, HttpHeaders> publisher;
    private final SubscriptionClient<SubscriptionChangeRequest, UnsubscriptionRequest,
            SubscriptionChangeResponse> subscriber;
    private final SubscriptionExtendedClient<FailedContentResponse, FailedContentRequest> missed;

    @SuppressWarnings("unchecked")
    Driver(ConfigurableApplicationContext context) {
        this.context = context;
        publisher = context.getBean(PublisherClient.class);
        subscriber = context.getBean("subscriptionClient", SubscriptionClient.class);
        missed = context.getBean("subscriptionExtendedClient", SubscriptionExtendedClient.class);
    }

    Object call(Map<String, Object> request) {
        String topic = (String) request.get("topic");
        String hub = (String) request.get("hub");
        String callback = (String) request.get("callback");
        switch ((String) request.get("call")) {
            case "token":
                token = (String) request.get("token");
                return null;
            case "port":
                return context.getEnvironment().getProperty("local.server.port");
            case "deliveries":
                return new ArrayList<>(Callback.deliveries);
            case "registerTopic":
                publisher.registerTopic(topic, hub);
                return null;
            case "unregisterTopic":
                publisher.unregisterTopic(topic, hub);
                return null;
            case "publishUpdate":
                publisher.publishUpdate(topic, request.get("payload"), (String) request.get("type"), null, hub);
                return null;
            case "notifyUpdate":
                publisher.notifyUpdate(topic, null, hub);
                return null;
            case "subscribe":
                SubscriptionChangeRequest subscription = new SubscriptionChangeRequest();
                subscription.setTopic(topic);
                subscription.setHubURL(hub);
                subscription.setCallbackURL(callback);
                subscription.setSecret((String) request.get("secret"));
                subscription.setLeaseSeconds((Integer) request.getOrDefault("lease", 0));
                return subscriber.subscribe(subscription).getTopic();
            case "unSubscribe":
                UnsubscriptionRequest unsubscription = new UnsubscriptionRequest();
                unsubscription.setTopic(topic);
                unsubscription.setHubURL(hub);
                unsubscription.setCallbackURL(callback);
                return subscriber.unSubscribe(unsubscription).getTopic();
            case "getFailedContent":
                FailedContentRequest question = new FailedContentRequest();
                question.setTopic(topic);
                question.setHubURL(hub);
                question.setCallbackURL(callback);
                question.setSecret((String) request.get("secret"));
                question.setTimestamp((String) request.get("since"));
                question.setPaginationIndex((Integer) request.getOrDefault("index", 0));
                question.setMessageCount((Integer) request.getOrDefault("count", 0));
                return missed.getFailedContent(question);
            default:
                throw new IllegalArgumentException("no such call");
        }
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        System.setOut(System.err); // logging goes there
        ObjectMapper json = new ObjectMapper();
        Driver driver = new Driver(new SpringApplicationBuilder(Service.class).run(arguments));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line;
        while ((line = in.readLine()) != null) {
            Map<String, Object> answer = new HashMap<>();
            try {
                answer.put("result", driver.call(json.readValue(line, Map.class)));
            } catch (RuntimeException exception) {
                answer.put("error", exception.getMessage() == null ? exception.toString() : exception.getMessage());
            }
            out.println(json.writeValueAsString(answer));
        }
        driver.context.close();
        System.exit(0); // whatever threads are left
    }
}
